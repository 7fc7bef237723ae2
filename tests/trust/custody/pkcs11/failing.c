/* A PKCS #11 module that passes everything on to another (REAL_MODULE) and fails when it is told:
 * while the file FAULT exists, C_Sign does what its first letter says. It blocks ('h'), or answers
 * CKR_DEVICE_REMOVED ('r'), CKR_DEVICE_ERROR ('e') or CKR_SESSION_HANDLE_INVALID ('s'). */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef unsigned long ck;
typedef struct {
    unsigned char version[2];
    void *function[68];
} functions;
typedef ck (*sign_function)(ck, const void *, ck, void *, ck *);
enum { SIGN = 43, DEVICE_ERROR = 0x30, DEVICE_REMOVED = 0x32, SESSION_HANDLE_INVALID = 0xB3 };

static functions ours;
static sign_function real_sign;

static int fault(void)
{
    FILE *file = fopen(getenv("FAULT"), "r");
    int kind = file ? fgetc(file) : 0;
    if (file)
        fclose(file);
    return kind;
}

static ck sign(ck session, const void *data, ck length, void *signature, ck *room)
{
    while (fault() == 'h')
        usleep(10000);
    switch (fault()) {
    case 'r':
        return DEVICE_REMOVED;
    case 'e':
        return DEVICE_ERROR;
    case 's':
        return SESSION_HANDLE_INVALID;
    }
    return real_sign(session, data, length, signature, room);
}

ck C_GetFunctionList(functions **list)
{
    void *real = dlopen(getenv("REAL_MODULE"), RTLD_NOW | RTLD_LOCAL);
    ck (*get)(functions **) = real ? (ck (*)(functions **))dlsym(real, "C_GetFunctionList") : 0;
    functions *theirs;
    ck answer = get ? get(&theirs) : 5;
    if (answer)
        return answer;
    ours = *theirs;
    real_sign = (sign_function)ours.function[SIGN];
    ours.function[SIGN] = (void *)sign;
    *list = &ours;
    return 0;
}
