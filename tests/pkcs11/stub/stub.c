/* A PKCS#11 module that misbehaves on demand, for tests.
 *
 * One slot with one RSA key whose signatures are 256 bytes of 0x5A.  It reads its orders, lines of
 * the form "what=how", from the file that ANYSCD_STUB names, each time anew:
 *
 *   load, init, slots, login, sign:  hang | crash | print | fork | a CKR number
 *   create, "set pin":               the same for a private key, and for C_SetPIN
 *   once=1:                          what "sign" says is done at the first signature only
 *   dead=1:                          nothing works after such a failure until C_Initialize
 *   forget=1:                        the login ends when a signature fails
 *   context:                         a CKR number for C_Login as CKU_CONTEXT_SPECIFIC
 *   mechanisms:                      the numbers that C_GetMechanismList gives, with commas between
 *   flags:                           CKF of the token besides the usual ones
 *   always=1:                        the key is CKA_ALWAYS_AUTHENTICATE
 *   token=absent:                    the slot is empty
 *   info, session, attributes:       a CKR number for C_GetTokenInfo, C_GetSessionInfo, and for
 *                                    C_GetAttributeValue of several attributes at once
 *
 * CKM_RSA_X_509 returns what it is given, so that the padding can be seen.
 *
 * Every call writes its name to the pipe of that name with ".log" behind it; so does each process,
 * as "pid N", with what it was given.  The PIN is 1234.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <p11-kit/pkcs11.h>

#define EXPORT __attribute__((visibility("default")))
#define SLOT 7
#define PUBLIC 1
#define PRIVATE 2
#define SIZE 256

static unsigned long sessions, next_session = 100;
static int logged_in, searching, signatures, dead;
static CK_ULONG search_class, mechanism_used;

static const char *orders(void) { return getenv("ANYSCD_STUB"); }

static void logged(const char *text) {
    char path[4096];
    snprintf(path, sizeof path, "%s.log", orders() ? orders() : "/dev/null");
    FILE *file = fopen(path, "a");
    if (file) {
        fprintf(file, "%s\n", text);
        fclose(file);
    }
}

static void logged_pid(void) {
    char text[32];
    snprintf(text, sizeof text, "pid %d", (int)getpid());
    logged(text);
}

/* What the process has been given: "dumpable N", "core N" and "fd N what". */
static void logged_surroundings(void) {
    char text[512], name[64], target[256];
    struct rlimit core;
    getrlimit(RLIMIT_CORE, &core);
    snprintf(text, sizeof text, "core %lu", (unsigned long)core.rlim_max);
    logged(text);
    snprintf(text, sizeof text, "dumpable %d", prctl(PR_GET_DUMPABLE));
    logged(text);
    for (int fd = 0; fd < 64; fd++) {
        snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(name, target, sizeof target - 1);
        if (length < 0)
            continue;
        target[length] = 0;
        snprintf(text, sizeof text, "fd %d %s", fd, target);
        logged(text);
    }
}

/* The order for this; "" if there is none. */
static const char *order(const char *what) {
    static char line[256];
    size_t length = strlen(what);
    FILE *file = orders() ? fopen(orders(), "r") : NULL;
    const char *found = "";
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        if (!strncmp(line, what, length) && line[length] == '=') {
            found = line + length + 1;
            break;
        }
    }
    if (file)
        fclose(file);
    return found;
}

static CK_RV obey(const char *what) {
    const char *how = order(what);
    logged(what);
    if (!strcmp(how, "hang"))
        for (;;)
            pause();
    if (!strcmp(how, "crash"))
        *(volatile int *)0 = 1;
    if (!strcmp(how, "print")) {
        puts("noise on standard output");
        fflush(stdout);
        return CKR_OK;
    }
    if (!strcmp(how, "fork")) {
        if (fork() == 0) {
            logged_pid();
            for (;;)
                pause();
        }
        for (;;)
            pause();
    }
    return strtoul(how, NULL, 0);
}

static void pad(unsigned char *to, size_t size, const char *text) {
    memset(to, ' ', size);
    memcpy(to, text, strlen(text));
}

static CK_RV Initialize(void *args) {
    (void)args;
    dead = logged_in = 0;
    return obey("init");
}

static CK_RV Finalize(void *args) { (void)args; return CKR_OK; }

static CK_RV GetInfo(CK_INFO *info) {
    memset(info, 0, sizeof *info);
    info->cryptokiVersion.major = 2;
    info->cryptokiVersion.minor = 40;
    pad(info->manufacturerID, 32, "anyscd tests");
    pad(info->libraryDescription, 32, "stub");
    return CKR_OK;
}

static CK_RV GetSlotList(CK_BBOOL present, CK_SLOT_ID *list, CK_ULONG *count) {
    CK_RV rv = list ? CKR_OK : obey("slots");
    if (dead)
        rv = CKR_DEVICE_ERROR;
    if (rv)
        return rv;
    *count = present && !strcmp(order("token"), "absent") ? 0 : 1;
    if (list && *count)
        list[0] = SLOT;
    return CKR_OK;
}

static CK_RV GetSlotInfo(CK_SLOT_ID slot, CK_SLOT_INFO *info) {
    logged("slot info");
    memset(info, 0, sizeof *info);
    pad(info->slotDescription, 64, "stub slot");
    pad(info->manufacturerID, 32, "anyscd tests");
    info->flags = CKF_TOKEN_PRESENT;
    return slot == SLOT ? CKR_OK : CKR_SLOT_ID_INVALID;
}

static CK_RV GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO *info) {
    (void)slot;
    logged("token info");
    memset(info, 0, sizeof *info);
    pad(info->label, 32, "stub token");
    pad(info->manufacturerID, 32, "anyscd tests");
    pad(info->model, 16, "stub");
    pad(info->serialNumber, 16, "0001");
    info->flags = CKF_TOKEN_INITIALIZED | CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED |
                  strtoul(order("flags"), NULL, 0);
    info->ulMinPinLen = 4;
    info->ulMaxPinLen = 8;
    return strcmp(order("token"), "absent") ? strtoul(order("info"), NULL, 0)
                                            : CKR_TOKEN_NOT_PRESENT;
}

static CK_RV OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, void *app, CK_NOTIFY notify,
                         CK_SESSION_HANDLE *session) {
    char text[64];
    (void)slot, (void)flags, (void)app, (void)notify;
    *session = ++next_session;
    sessions++;
    snprintf(text, sizeof text, "open %lu", sessions);
    logged(text);
    return CKR_OK;
}

static CK_RV CloseSession(CK_SESSION_HANDLE session) {
    (void)session;
    if (--sessions == 0)
        logged_in = 0;
    logged("close");
    return CKR_OK;
}

static CK_RV GetMechanismList(CK_SLOT_ID slot, CK_MECHANISM_TYPE *list, CK_ULONG *count) {
    (void)slot;
    *count = 0;
    logged("mechanisms");
    for (const char *text = order("mechanisms"); *text; (*count)++) {
        char *end;
        CK_ULONG number = strtoul(text, &end, 0);
        if (list)
            list[*count] = number;
        text = end + (*end == ',');
    }
    return CKR_OK;
}

static CK_RV GetMechanismInfo(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info) {
    (void)slot, (void)type;
    memset(info, 0, sizeof *info);
    return CKR_OK;
}

static CK_RV GetSessionInfo(CK_SESSION_HANDLE session, CK_SESSION_INFO *info) {
    (void)session;
    logged("session info");
    info->slotID = SLOT;
    info->state = logged_in ? CKS_RO_USER_FUNCTIONS : CKS_RO_PUBLIC_SESSION;
    info->flags = CKF_SERIAL_SESSION;
    info->ulDeviceError = 0;
    return strtoul(order("session"), NULL, 0);
}

static CK_RV Login(CK_SESSION_HANDLE session, CK_USER_TYPE user, unsigned char *pin,
                   CK_ULONG length) {
    CK_RV rv = obey(user == CKU_USER ? "login" : "context");
    (void)session;
    if (rv)
        return rv;
    if (pin && (length != 4 || memcmp(pin, "1234", 4)))
        return CKR_PIN_INCORRECT;
    if (!pin)
        logged("pad");
    if (user == CKU_USER)
        logged_in = 1;
    return CKR_OK;
}

static CK_RV Logout(CK_SESSION_HANDLE session) {
    (void)session;
    logged("logout");
    logged_in = 0;
    return CKR_OK;
}

static CK_RV FindObjectsInit(CK_SESSION_HANDLE session, CK_ATTRIBUTE *want, CK_ULONG count) {
    (void)session;
    logged("search");
    search_class = count ? *(CK_ULONG *)want[0].pValue : 0;
    searching = 1;
    return CKR_OK;
}

static CK_RV FindObjects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *found, CK_ULONG most,
                         CK_ULONG *count) {
    (void)session, (void)most;
    *count = 0;
    if (searching && search_class == CKO_PUBLIC_KEY)
        found[(*count)++] = PUBLIC;
    if (searching && search_class == CKO_PRIVATE_KEY && logged_in)
        found[(*count)++] = PRIVATE;
    searching = 0;
    return CKR_OK;
}

static CK_RV FindObjectsFinal(CK_SESSION_HANDLE session) { (void)session; return CKR_OK; }

static CK_RV GetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                               CK_ATTRIBUTE *wanted, CK_ULONG count) {
    CK_ULONG class = object == PUBLIC ? CKO_PUBLIC_KEY : CKO_PRIVATE_KEY, type = CKK_RSA;
    CK_BBOOL yes = 1, always = object == PRIVATE && *order("always");
    unsigned char modulus[SIZE], exponent[] = {1, 0, 1};
    CK_RV rv = count > 1 ? strtoul(order("attributes"), NULL, 0) : CKR_OK;
    (void)session;
    logged("attributes");
    if (rv) {
        for (CK_ULONG i = 0; i < count; i++)
            wanted[i].ulValueLen = CK_UNAVAILABLE_INFORMATION;
        return rv;
    }
    memset(modulus, 0xC5, SIZE);
    struct { CK_ULONG type; const void *value; CK_ULONG length; } have[] = {
        {CKA_CLASS, &class, sizeof class},   {CKA_KEY_TYPE, &type, sizeof type},
        {CKA_LABEL, "stub key", 8},          {CKA_ID, "\1", 1},
        {CKA_MODULUS, modulus, SIZE},        {CKA_PUBLIC_EXPONENT, exponent, 3},
        {CKA_SIGN, &yes, 1},                 {CKA_VERIFY, &yes, 1},
        {CKA_DECRYPT, &yes, 1},
        {CKA_ALWAYS_AUTHENTICATE, &always, 1},
    };
    for (CK_ULONG i = 0; i < count; i++) {
        size_t k = 0, all = sizeof have / sizeof *have;
        while (k < all && have[k].type != wanted[i].type)
            k++;
        if (k == all) {
            wanted[i].ulValueLen = CK_UNAVAILABLE_INFORMATION;
            rv = CKR_ATTRIBUTE_TYPE_INVALID;
        } else {
            if (wanted[i].pValue)
                memcpy(wanted[i].pValue, have[k].value, have[k].length);
            wanted[i].ulValueLen = have[k].length;
        }
    }
    return rv;
}

static CK_RV begin(const char *what, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key) {
    logged(what);
    mechanism_used = mechanism->mechanism;
    if (key != PRIVATE)
        return CKR_KEY_HANDLE_INVALID;
    return logged_in ? CKR_OK : CKR_USER_NOT_LOGGED_IN;
}

static CK_RV SignInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key) {
    (void)session;
    return begin("sign init", mechanism, key);
}

static CK_RV DecryptInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key) {
    (void)session;
    return begin("decrypt init", mechanism, key);
}

static CK_RV Sign(CK_SESSION_HANDLE session, unsigned char *data, CK_ULONG length,
                  unsigned char *signature, CK_ULONG *size) {
    CK_RV rv = signature ? obey("sign") : CKR_OK;
    (void)session;
    if (!signature)
        logged("sign size");
    if (rv && *order("forget"))
        logged_in = 0;
    if (rv && *order("dead"))
        dead = 1;
    if (rv && !(*order("once") && signatures++))
        return rv;
    if (signature && mechanism_used == CKM_RSA_X_509)
        memcpy(signature, data, length);
    else if (signature)
        memset(signature, 0x5A, SIZE);
    *size = SIZE;
    return CKR_OK;
}

static CK_RV Decrypt(CK_SESSION_HANDLE session, unsigned char *data, CK_ULONG length,
                     unsigned char *plain, CK_ULONG *size) {
    (void)session;
    logged("decrypt");
    memcpy(plain, data, length);
    *size = length;
    return CKR_OK;
}

static CK_RV SignFinal(CK_SESSION_HANDLE session, unsigned char *signature, CK_ULONG *size) {
    (void)session, (void)signature, (void)size;
    return CKR_OPERATION_NOT_INITIALIZED;
}

static CK_RV SetPIN(CK_SESSION_HANDLE session, unsigned char *old, CK_ULONG old_length,
                    unsigned char *new, CK_ULONG new_length) {
    CK_RV rv = obey("set pin");
    (void)session, (void)new_length;
    if (!old && !new)
        logged("pad");
    if (!rv && old && (old_length != 4 || memcmp(old, "1234", 4)))
        rv = CKR_PIN_INCORRECT;
    return rv;
}

static CK_RV CreateObject(CK_SESSION_HANDLE session, CK_ATTRIBUTE *values, CK_ULONG count,
                          CK_OBJECT_HANDLE *object) {
    (void)session, (void)count;
    *object = 77;
    return obey(*(CK_ULONG *)values[0].pValue == CKO_PUBLIC_KEY ? "create public" : "create");
}

static CK_RV DestroyObject(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object) {
    char text[32];
    (void)session;
    snprintf(text, sizeof text, "destroy %lu", object);
    logged(text);
    return CKR_OK;
}

static CK_FUNCTION_LIST functions = {
    .version = {2, 40},
    .C_Initialize = Initialize,
    .C_Finalize = Finalize,
    .C_GetInfo = GetInfo,
    .C_GetSlotList = GetSlotList,
    .C_GetSlotInfo = GetSlotInfo,
    .C_GetTokenInfo = GetTokenInfo,
    .C_GetMechanismList = GetMechanismList,
    .C_GetMechanismInfo = GetMechanismInfo,
    .C_SetPIN = SetPIN,
    .C_OpenSession = OpenSession,
    .C_CloseSession = CloseSession,
    .C_GetSessionInfo = GetSessionInfo,
    .C_Login = Login,
    .C_Logout = Logout,
    .C_CreateObject = CreateObject,
    .C_DestroyObject = DestroyObject,
    .C_FindObjectsInit = FindObjectsInit,
    .C_FindObjects = FindObjects,
    .C_FindObjectsFinal = FindObjectsFinal,
    .C_GetAttributeValue = GetAttributeValue,
    .C_DecryptInit = DecryptInit,
    .C_Decrypt = Decrypt,
    .C_SignInit = SignInit,
    .C_Sign = Sign,
    .C_SignFinal = SignFinal,
};

EXPORT CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list) {
    *list = &functions;
    return CKR_OK;
}

__attribute__((constructor)) static void loaded(void) {
    if (orders()) {
        logged_pid();
        logged_surroundings();
        obey("load");
    }
}
