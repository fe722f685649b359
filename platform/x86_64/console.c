/*
 * Serial console: ring buffer and polled 16550 transmitter. Works before the clock does, so waits count polls.
 */
#include <string.h>

#include "platform/platform.h"
#include "platform/x86_64/console.h"
#include "platform/x86_64/cpu.h"
#include "platform/x86_64/screen.h"

#define COM1                  0x3f8U
#define UART_DATA             (COM1 + 0)
#define UART_INTERRUPT_ENABLE (COM1 + 1)
#define UART_FIFO_CONTROL     (COM1 + 2)
#define UART_LINE_CONTROL     (COM1 + 3)
#define UART_MODEM_CONTROL    (COM1 + 4)
#define UART_LINE_STATUS      (COM1 + 5)
#define UART_SCRATCH          (COM1 + 7)
#define LINE_CONTROL_DLAB_8N1 0x83U
#define LINE_CONTROL_8N1      0x03U
#define LINE_STATUS_THR_EMPTY 0x20U
#define FIFO_ENABLE_AND_CLEAR 0x07U
#define MODEM_DTR_RTS         0x03U
#define FIFO_BYTES            16U
#define RING_BYTES            8192U
#define WAIT_POLLS_MAX        2000000U /* about a second of port reads; then the line counts as dead */

static uint8_t ring[RING_BYTES];
static size_t ring_head; /* next byte to send; both run freely, the difference is the fill */
static size_t ring_tail;
static bool line_present;

void console_init(void)
{
    port_write8(UART_SCRATCH, 0x5a);
    line_present = port_read8(UART_SCRATCH) == 0x5a;
    if (!line_present) {
        return;
    }
    port_write8(UART_INTERRUPT_ENABLE, 0);
    port_write8(UART_LINE_CONTROL, LINE_CONTROL_DLAB_8N1);
    port_write8(UART_DATA, 1); /* divisor 1: 115200 baud */
    port_write8(UART_INTERRUPT_ENABLE, 0);
    port_write8(UART_LINE_CONTROL, LINE_CONTROL_8N1);
    port_write8(UART_FIFO_CONTROL, FIFO_ENABLE_AND_CLEAR);
    port_write8(UART_MODEM_CONTROL, MODEM_DTR_RTS);
}

bool console_drain(void)
{
    while (ring_head != ring_tail) {
        if ((port_read8(UART_LINE_STATUS) & LINE_STATUS_THR_EMPTY) == 0) {
            return false;
        }
        for (size_t i = 0; i < FIFO_BYTES && ring_head != ring_tail; i++) {
            port_write8(UART_DATA, ring[ring_head % RING_BYTES]);
            ring_head++;
        }
    }
    return true;
}

/* Wait until the ring holds at most `fill` bytes, or declare the line dead and drop what it holds. */
static void wait_for_fill(size_t fill)
{
    for (uint32_t polls = 0; ring_tail - ring_head > fill; polls++) {
        if (polls > WAIT_POLLS_MAX) {
            ring_head = ring_tail;
            line_present = false;
            return;
        }
        console_drain();
        cpu_relax();
    }
}

void console_flush(void)
{
    wait_for_fill(0);
}

void platform_console_write(struct bytes text)
{
    screen_write(text);
    if (!line_present) {
        return;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (ring_tail - ring_head == RING_BYTES) {
            wait_for_fill(RING_BYTES - FIFO_BYTES);
        }
        ring[ring_tail % RING_BYTES] = text.data[i];
        ring_tail++;
    }
    console_drain();
}

void console_print(const char *text)
{
    platform_console_write((struct bytes){(const uint8_t *)text, strlen(text)});
}

void console_print_hex(uint64_t value, unsigned digits)
{
    uint8_t text[16];
    if (digits > sizeof text) {
        digits = sizeof text;
    }
    for (unsigned i = 0; i < digits; i++) {
        text[digits - 1 - i] = (uint8_t) "0123456789abcdef"[value & 15];
        value >>= 4;
    }
    platform_console_write((struct bytes){text, digits});
}

void console_print_decimal(uint64_t value)
{
    uint8_t text[20];
    size_t start = sizeof text;
    do {
        text[--start] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    platform_console_write((struct bytes){text + start, sizeof text - start});
}
