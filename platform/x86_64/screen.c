/*
 * Two kinds of screen behind one grid of characters. Of a framebuffer nothing is read back: what stands where is kept
 * here, and only characters that change are drawn.
 */
#include "platform/x86_64/screen.h"

#include "platform/x86_64/cpu.h"
#include "platform/x86_64/handover.h"
#include "platform/x86_64/paging.h"
#include "platform/x86_64/pci.h"

#define TEXT_AT      0xb8000U
#define TEXT_COLUMNS 80U
#define TEXT_ROWS    25U
#define TEXT_GREY    0x0700U /* on black */

#define GRAPHICS_INDEX 0x3ceU
#define GRAPHICS_DATA  0x3cfU
#define GRAPHICS_MODE  6U
#define MODE_MASK      0x0dU /* graphics, and which window of memory */
#define MODE_TEXT      0x0cU /* text, at 0xb8000 */
#define CRT_INDEX      0x3d4U
#define CRT_DATA       0x3d5U
#define CRT_CURSOR     0x0aU
#define CURSOR_OFF     0x20U

#define CELL_WIDTH  6U /* of a framebuffer, in dots */
#define CELL_HEIGHT 10U
#define GLYPH_WIDTH 5U
#define DOT_MAX     2U    /* pixels of a dot's side */
#define LARGE_WIDTH 1200U /* from here on a dot has two pixels */
#define SIDE_MAX    16384U
#define PIXEL_BYTES 4U
#define PIXEL_GREY  0x00c0c0c0U /* in either order of colours */

static uint32_t columns; /* 0: there is no screen */
static uint32_t rows;
static uint32_t column;
static uint32_t row;
static uint8_t shown[SCREEN_ROWS_MAX][SCREEN_COLUMNS_MAX];
static uintptr_t text;   /* VGA's cells; 0: a framebuffer */
static uintptr_t pixels; /* of a framebuffer */
static uint32_t line_bytes;
static uint32_t dot; /* pixels of a dot's side */

/* ---- drawing ---- */

static void draw_glyph(uint32_t at_row, uint32_t at_column, const uint8_t *glyph)
{
    uintptr_t cell = pixels + (uintptr_t)at_row * CELL_HEIGHT * dot * line_bytes +
                     (uintptr_t)at_column * CELL_WIDTH * dot * PIXEL_BYTES;
    for (uint32_t y = 0; y < SCREEN_GLYPH_ROWS * dot; y++) {
        for (uint32_t x = 0; x < GLYPH_WIDTH * dot; x++) {
            bool on = (glyph[y / dot] >> (GLYPH_WIDTH - 1 - x / dot) & 1) != 0;
            mmio_write32(cell + (uintptr_t)y * line_bytes + (uintptr_t)x * PIXEL_BYTES, on ? PIXEL_GREY : 0);
        }
    }
}

static void show(uint32_t at_row, uint32_t at_column, uint8_t c)
{
    if (shown[at_row][at_column] == c) {
        return;
    }
    shown[at_row][at_column] = c;
    if (text != 0) {
        uintptr_t cell = text + 2 * ((uintptr_t)at_row * TEXT_COLUMNS + at_column);
        mmio_write16(cell, (uint16_t)(TEXT_GREY | c));
    } else {
        draw_glyph(at_row, at_column, screen_font[c - SCREEN_GLYPH_FIRST]);
    }
}

static void next_row(void)
{
    column = 0;
    if (row + 1 < rows) {
        row++;
        return;
    }
    for (uint32_t r = 0; r < rows; r++) {
        for (uint32_t c = 0; c < columns; c++) {
            show(r, c, r + 1 < rows ? shown[r + 1][c] : (uint8_t)' ');
        }
    }
}

static void put(uint8_t c)
{
    if (c == '\n') {
        next_row();
        return;
    }
    if (c == '\r') {
        return;
    }
    if (column == columns) {
        next_row();
    }
    bool has_glyph = c >= SCREEN_GLYPH_FIRST && c < SCREEN_GLYPH_FIRST + SCREEN_GLYPH_COUNT;
    show(row, column, has_glyph ? c : (uint8_t)'?');
    column++;
}

void screen_write(struct bytes text_bytes)
{
    for (size_t i = 0; columns != 0 && i < text_bytes.size; i++) {
        put(text_bytes.data[i]);
    }
}

/* ---- finding ---- */

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static void clear(void)
{
    for (uint32_t r = 0; r < rows; r++) {
        for (uint32_t c = 0; c < columns; c++) {
            shown[r][c] = ' ';
        }
    }
}

/* The framebuffer's upper left corner, as large as the grid. */
static bool open_framebuffer(const struct handover_framebuffer *f)
{
    bool sound = f->address != 0 && f->width <= SIDE_MAX && f->height <= SIDE_MAX &&
                 f->pixels_per_line >= f->width && f->pixels_per_line <= SIDE_MAX &&
                 (uint64_t)f->pixels_per_line * f->height * PIXEL_BYTES <= f->size_bytes;
    if (!sound) {
        return false;
    }
    dot = f->width >= LARGE_WIDTH ? DOT_MAX : 1;
    uint32_t fit_columns = smaller(f->width / (CELL_WIDTH * dot), SCREEN_COLUMNS_MAX);
    uint32_t fit_rows = smaller(f->height / (CELL_HEIGHT * dot), SCREEN_ROWS_MAX);
    line_bytes = f->pixels_per_line * PIXEL_BYTES;
    uint32_t lines = fit_rows * CELL_HEIGHT * dot;
    pixels = lines == 0 ? 0 : paging_map_device(f->address, (uint64_t)lines * line_bytes);
    if (pixels == 0 || fit_columns == 0) {
        return false;
    }
    for (uint32_t y = 0; y < lines; y++) {
        for (uint32_t x = 0; x < fit_columns * CELL_WIDTH * dot; x++) {
            mmio_write32(pixels + (uintptr_t)y * line_bytes + (uintptr_t)x * PIXEL_BYTES, 0);
        }
    }
    columns = fit_columns;
    rows = fit_rows;
    return true;
}

static bool has_vga;

static void visit(const struct pci_device *pci)
{
    has_vga |= pci->class_code == PCI_CLASS_VGA;
}

/* A VGA card that the firmware left in a text mode. */
static void open_text(void)
{
    pci_each_device(visit);
    if (!has_vga) {
        return;
    }
    port_write8(GRAPHICS_INDEX, GRAPHICS_MODE);
    if ((port_read8(GRAPHICS_DATA) & MODE_MASK) != MODE_TEXT) {
        return;
    }
    text = paging_map_device(TEXT_AT, 2U * TEXT_COLUMNS * TEXT_ROWS);
    if (text == 0) {
        return;
    }
    port_write8(CRT_INDEX, CRT_CURSOR);
    port_write8(CRT_DATA, CURSOR_OFF);
    for (uint32_t i = 0; i < TEXT_COLUMNS * TEXT_ROWS; i++) {
        mmio_write16(text + 2 * (uintptr_t)i, TEXT_GREY | ' ');
    }
    columns = TEXT_COLUMNS;
    rows = TEXT_ROWS;
}

void screen_init(void)
{
    if (!open_framebuffer(&handover()->framebuffer)) {
        open_text();
    }
    clear();
}
