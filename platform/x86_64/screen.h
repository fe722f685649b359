/*
 * A text screen beside the serial line: the framebuffer that UEFI handed over, or a VGA card in text mode. It shows what
 * the serial line carries, and scrolls.
 *
 * Blocking: none to wait for; a line that scrolls a framebuffer costs some milliseconds on a real box.
 * Failure: without a screen, or before screen_init(), what is written here goes nowhere.
 * Limits: SCREEN_COLUMNS_MAX by SCREEN_ROWS_MAX characters of ASCII in the upper left corner; others show as '?'.
 */
#ifndef JETON_X86_64_SCREEN_H
#define JETON_X86_64_SCREEN_H

#include "platform/types.h"

#define SCREEN_COLUMNS_MAX 128U
#define SCREEN_ROWS_MAX    48U

/* Find a screen and clear it; after pci_init(). */
void screen_init(void);

void screen_write(struct bytes text);

/* ---- the font ---- */

#define SCREEN_GLYPH_FIRST 0x20U
#define SCREEN_GLYPH_COUNT 95U
#define SCREEN_GLYPH_ROWS  8U

/* Rows of each glyph from its top, the leftmost of five pixels in bit 4. */
extern const uint8_t screen_font[SCREEN_GLYPH_COUNT][SCREEN_GLYPH_ROWS];

#endif
