/*
 * A stand-in of CUDA's driver library, for the real cuda-bindings, which tests/test_gpu_programs.py loads it into: one device,
 * whose calls are printed with what they were given. "Launches" print the parameters, an int and a text, and waiting fails.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>

static void *contexts[8];
static int depth, mode;

int cuInit(unsigned flags) { return (int)flags; }
int cuDriverGetVersion(int *version) { return *version = 13000, 0; }
int cuDeviceGetCount(int *count) { return *count = 1, 0; }
int cuDeviceGet(int *device, int ordinal) { return *device = ordinal, 0; }
int cuDeviceGetName(char *name, int length, int device) {
    return snprintf(name, (size_t)length, "Stand-in %d", device), 0;
}
int cuDeviceGetAttribute(int *value, int attribute, int device) { return *value = attribute == 75 ? 9 : device, 0; }
int cuDevicePrimaryCtxRetain(void **context, int device) { return *context = (char *)0xC0DE + device, 0; }
int cuCtxGetCurrent(void **context) { return *context = depth ? contexts[depth - 1] : NULL, 0; }
int cuCtxPushCurrent(void *context) { return contexts[depth++] = context, printf("push %p\n", context), 0; }
int cuCtxPopCurrent(void **context) { return *context = contexts[--depth], printf("pop %p\n", *context), 0; }
int cuModuleLoadData(void **module, const void *image) {
    return *module = (void *)0x11, printf("image %s\n", (const char *)image), 0;
}
int cuFuncLoad(void *function) { return printf("load %p\n", function), 0; }
int cuStreamSynchronize(void *stream) { return printf("wait %p\n", stream), 700; }
int cuGetErrorName(int code, const char **name) {
    return *name = code == 1 ? "CUDA_ERROR_INVALID_VALUE" : "CUDA_ERROR_ILLEGAL_ADDRESS", 0;
}
int cuGetErrorString(int code, const char **text) { return (void)code, *text = "what it means", 0; }

int cuPointerGetAttribute(void *value, int attribute, unsigned long long address) {
    if (attribute != 9 || address != 0x7F0000007000) {
        return 1;
    }
    *(int *)value = 0;
    return 0;
}

int cuThreadExchangeStreamCaptureMode(int *other) {
    int before = mode;
    mode = *other;
    *other = before;
    return printf("mode %d\n", mode), 0;
}

int cuModuleGetFunction(void **function, void *module, const char *name) {
    *function = (void *)0x22;
    return printf("function %p %s\n", module, name), 0;
}

int cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                   unsigned shared, void *stream, void **parameters, void **extra) {
    printf("launch %p %u %u %u %u %u %u %u %p %d %s %d\n", function, gx, gy, gz, bx, by, bz, shared, stream,
           *(int *)parameters[0], (char *)parameters[1], extra != NULL);
    return 0;
}

int cuGetProcAddress_v2(const char *name, void **function, int version, uint64_t flags, int *status) {
    (void)version, (void)flags;
    void *self = dlopen("libcuda.so.1", RTLD_NOLOAD | RTLD_NOW);
    *function = self ? dlsym(self, name) : NULL;
    if (status) {
        *status = *function == NULL;
    }
    return *function ? 0 : 500;
}

int cuGetProcAddress(const char *name, void **function, int version, uint64_t flags) {
    return cuGetProcAddress_v2(name, function, version, flags, NULL);
}
