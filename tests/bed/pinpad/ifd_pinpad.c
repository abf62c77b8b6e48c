/* A PC/SC driver (IFD handler) for readers with a pinpad, for tests: vpcd with keys on it.
 *
 * Everything but IFDHControl is vpcd's, from the copy next to this file.  With this file's own name
 * in place of SELF:
 *
 *   SELF.vpcd        vpcd's driver
 *   SELF.features    the answer to GET_FEATURE_REQUEST; if there is none, the reader is an ordinary one
 *   SELF.pin         the answer to IFD_PIN_PROPERTIES
 *   SELF.properties  the answer to GET_TLV_PROPERTIES
 *   SELF.keys        a pipe; a line is what the user does when a PIN is wanted: "123456" enters it,
 *                    "123456 654321 654321" changes it, "cancel" and "timeout" do that, and "fail"
 *                    breaks the driver.  Nothing at all for a long time is a timeout too
 *   SELF.log         gets a line for each control code, with what came with it, and a line for each
 *                    PIN structure that is not as PC/SC specification part 10 wants it
 *
 * A structure with anything wrong is answered by 6B80 and the card sees nothing.  Only the last byte
 * of bTeoPrologue is free: part 10 wants 0, GnuPG writes a length.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <PCSC/ifdhandler.h>
#include <PCSC/reader.h>

/* As in the CCID driver of pcsc-lite. */
#define CODE(feature) SCARD_CTL_CODE(0x330000 + (feature))
#define VENDOR_IFD_EXCHANGE SCARD_CTL_CODE(1)
#define PATIENCE_MS 20000
#define MAX_PIN 64
#define PADDING 0xFF

static const char *beside(const char *suffix) {
    static __thread char path[4096];
    Dl_info self;
    dladdr((void *)beside, &self);
    snprintf(path, sizeof path, "%s.%s", self.dli_fname, suffix);
    return path;
}

static void *real(const char *name) {
    static void *driver;
    if (!driver) driver = dlopen(beside("vpcd"), RTLD_NOW | RTLD_LOCAL);
    return driver ? dlsym(driver, name) : NULL;
}

#define FORWARD(name, parameters, arguments)                                                      \
    RESPONSECODE name parameters {                                                                 \
        RESPONSECODE(*function) parameters = real(#name);                                          \
        return function ? function arguments : IFD_COMMUNICATION_ERROR;                            \
    }

FORWARD(IFDHCreateChannelByName, (DWORD lun, LPSTR device), (lun, device))
FORWARD(IFDHCreateChannel, (DWORD lun, DWORD channel), (lun, channel))
FORWARD(IFDHCloseChannel, (DWORD lun), (lun))
FORWARD(IFDHGetCapabilities, (DWORD lun, DWORD tag, PDWORD length, PUCHAR value),
        (lun, tag, length, value))
FORWARD(IFDHSetCapabilities, (DWORD lun, DWORD tag, DWORD length, PUCHAR value),
        (lun, tag, length, value))
FORWARD(IFDHSetProtocolParameters,
        (DWORD lun, DWORD protocol, UCHAR flags, UCHAR pts1, UCHAR pts2, UCHAR pts3),
        (lun, protocol, flags, pts1, pts2, pts3))
FORWARD(IFDHPowerICC, (DWORD lun, DWORD action, PUCHAR atr, PDWORD length),
        (lun, action, atr, length))
FORWARD(IFDHTransmitToICC,
        (DWORD lun, SCARD_IO_HEADER send, PUCHAR tx, DWORD tx_length, PUCHAR rx, PDWORD rx_length,
         PSCARD_IO_HEADER receive),
        (lun, send, tx, tx_length, rx, rx_length, receive))
FORWARD(IFDHICCPresence, (DWORD lun), (lun))

static void logged(const char *what, DWORD code, const UCHAR *data, DWORD length) {
    FILE *file = fopen(beside("log"), "a");
    if (!file) return;
    fprintf(file, "%s %lX ", what, (unsigned long)code);
    for (DWORD i = 0; i < length; i++) fprintf(file, "%02x", data[i]);
    fputc('\n', file);
    fclose(file);
}

/* What differs between PIN_VERIFY_STRUCTURE and PIN_MODIFY_STRUCTURE.  Offsets are in bytes. */
struct form {
    UCHAR instruction;
    DWORD header;                                /* bytes before abData; ulDataLength ends them */
    int digits, condition;                       /* of wPINMaxExtraDigit and of what follows */
    int pins, entries;                           /* in the command; by the user */
    int constants;
    struct { int at; UCHAR value; } constant[14];
};

static const struct form verify = {
    0x20, 19, 5, 7, 1, 1, 8,
    {{2, 0x82},                                  /* bmFormatString: bytes, 0, left, ASCII */
     {4, 0},                                     /* bmPINLengthFormat */
     {8, 1},                                     /* bNumberMessage */
     {9, 0x09}, {10, 0x04},                      /* wLangId, little-endian */
     {11, 0},                                    /* bMsgIndex */
     {12, 0}, {13, 0}}};                         /* bTeoPrologue */

static const struct form modify = {
    0x24, 24, 7, 10, 2, 3, 12,
    {{2, 0x82}, {4, 0},
     {5, 0},                                     /* bInsertionOffsetOld */
     {9, 3},                                     /* bConfirmPIN: twice, and the old one */
     {11, 3},                                    /* bNumberMessage */
     {12, 0x09}, {13, 0x04},
     {14, 0}, {15, 1}, {16, 2},                  /* bMsgIndex1 to 3 */
     {17, 0}, {18, 0}}};

/* What is wrong with the structure; NULL if nothing is. */
static const char *fault(const struct form *form, const UCHAR *s, DWORD size) {
    if (size < form->header + 5) return "too short";
    for (int i = 0; i < form->constants; i++)
        if (s[form->constant[i].at] != form->constant[i].value) return "constant field";
    const UCHAR *length = s + form->header - 4, *command = s + form->header;
    if ((length[0] | length[1] << 8 | length[2] << 16 | (DWORD)length[3] << 24)
        != size - form->header) return "ulDataLength";
    UCHAR block = s[3], longest = s[form->digits], shortest = s[form->digits + 1];
    if (block & 0xF0) return "bmPINBlockString";
    if (form == &modify && s[6] != block) return "bInsertionOffsetNew";
    if (!shortest || shortest > longest) return "wPINMaxExtraDigit";
    if (block && shortest > block) return "PIN longer than its block";
    if (s[form->condition] != (shortest == longest ? 3 : 2)) return "bEntryValidationCondition";
    if (command[0] || command[1] != form->instruction || command[2]) return "command";
    if (command[3] < 0x81 || command[3] > 0x83) return "P2";
    if (command[4] != form->pins * block || size != form->header + 5 + command[4]) return "Lc";
    for (int i = 0; i < command[4]; i++)
        if (command[5 + i] != PADDING) return "padding";
    return NULL;
}

/* A line of what the user does, 0 if none comes. */
static int user(char *line, size_t size) {
    int keys = open(beside("keys"), O_RDWR);
    struct pollfd ready = {keys, POLLIN, 0};
    size_t length = 0;
    while (keys >= 0 && length < size - 1 && poll(&ready, 1, PATIENCE_MS) == 1
           && read(keys, line + length, 1) == 1 && line[length] != '\n') length++;
    if (keys >= 0) close(keys);
    line[length] = 0;
    return length > 0;
}

/* The PINs that the user enters; 0, or a status word of the reader. */
static int entered(const struct form *form, const UCHAR *s, char pins[3][MAX_PIN]) {
    char line[4 * MAX_PIN];
    if (!user(line, sizeof line) || !strcmp(line, "timeout")) return 0x6400;
    if (!strcmp(line, "cancel")) return 0x6401;
    int count = sscanf(line, "%63[0-9] %63[0-9] %63[0-9]", pins[0], pins[1], pins[2]);
    if (count != form->entries) return 0x6F00;
    for (int i = 0; i < count; i++)
        if (strlen(pins[i]) > s[form->digits] || strlen(pins[i]) < s[form->digits + 1]
            || (s[3] && strlen(pins[i]) > s[3])) return 0x6403;
    return count == 3 && strcmp(pins[1], pins[2]) ? 0x6402 : 0;
}

/* Complete the command of the structure; its length. */
static DWORD complete(const struct form *form, const UCHAR *s, char pins[3][MAX_PIN], UCHAR *apdu) {
    UCHAR block = s[3];
    DWORD end = 5;
    memcpy(apdu, s + form->header, 5 + form->pins * block);
    for (int i = 0; i < form->pins; i++) {
        memcpy(apdu + end, pins[i], strlen(pins[i]));
        end += block ? block : strlen(pins[i]);
    }
    apdu[4] = end - 5;
    return end;
}

static RESPONSECODE answer(int sw, PUCHAR rx, LPDWORD returned) {
    rx[0] = sw >> 8;
    rx[1] = sw & 0xFF;
    *returned = 2;
    return IFD_SUCCESS;
}

static RESPONSECODE enter(const struct form *form, DWORD lun, PUCHAR s, DWORD size, PUCHAR rx,
                          LPDWORD returned) {
    char pins[3][MAX_PIN] = {"", "", ""};
    UCHAR apdu[5 + 2 * MAX_PIN], response[258];
    DWORD length = sizeof response;
    SCARD_IO_HEADER pci = {1, sizeof pci};
    const char *wrong = fault(form, s, size);
    if (wrong) {
        logged(wrong, form->instruction, s, size);
        return answer(0x6B80, rx, returned);
    }
    int sw = entered(form, s, pins);
    if (sw == 0x6F00) return IFD_COMMUNICATION_ERROR;
    if (sw) return answer(sw, rx, returned);
    RESPONSECODE code = IFDHTransmitToICC(lun, pci, apdu, complete(form, s, pins, apdu), response,
                                          &length, &pci);
    if (code != IFD_SUCCESS || length < 2) return IFD_COMMUNICATION_ERROR;
    return answer(response[length - 2] << 8 | response[length - 1], rx, returned);
}

static RESPONSECODE told(const char *suffix, PUCHAR rx, DWORD room, LPDWORD returned) {
    FILE *file = fopen(beside(suffix), "rb");
    if (!file) return IFD_ERROR_NOT_SUPPORTED;
    *returned = fread(rx, 1, room, file);
    fclose(file);
    return IFD_SUCCESS;
}

RESPONSECODE IFDHControl(DWORD lun, DWORD code, PUCHAR tx, DWORD tx_length, PUCHAR rx,
                         DWORD rx_length, LPDWORD returned) {
    *returned = 0;
    logged("control", code, tx, tx_length);
    switch (code) {
    case CM_IOCTL_GET_FEATURE_REQUEST: return told("features", rx, rx_length, returned);
    case CODE(FEATURE_IFD_PIN_PROPERTIES): return told("pin", rx, rx_length, returned);
    case CODE(FEATURE_GET_TLV_PROPERTIES): return told("properties", rx, rx_length, returned);
    case CODE(FEATURE_VERIFY_PIN_DIRECT): return enter(&verify, lun, tx, tx_length, rx, returned);
    case CODE(FEATURE_MODIFY_PIN_DIRECT): return enter(&modify, lun, tx, tx_length, rx, returned);
    case VENDOR_IFD_EXCHANGE: return IFD_SUCCESS;
    default: return IFD_ERROR_NOT_SUPPORTED;
    }
}
