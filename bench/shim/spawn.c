/* What one process costs: start COMMAND with pipes, hand it SIZE bytes, read its answer, reap it. Prints the median in
   microseconds: spawn COUNT SIZE GAP_US COMMAND */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int by_size(const void *one, const void *two)
{
    double a = *(const double *)one, b = *(const double *)two;
    return (a > b) - (a < b);
}

int main(int argc, char **argv)
{
    if (argc < 5)
        return 2;
    int count = atoi(argv[1]), gap_us = atoi(argv[3]);
    size_t size = strtoul(argv[2], NULL, 10);
    char *body = malloc(size), answer[65536];
    double *times = calloc((size_t)count, sizeof *times);
    memset(body, 'x', size);
    for (int i = 0; i < count; i++) {
        struct timespec start, end;
        int in[2], out[2];
        if (gap_us)
            usleep((useconds_t)gap_us);
        clock_gettime(CLOCK_MONOTONIC, &start);
        if (pipe2(in, 02000000) || pipe2(out, 02000000))
            return 1;
        if (vfork() == 0) {
            dup2(in[0], 0);
            dup2(out[1], 1);
            execv(argv[4], argv + 4);
            _exit(127);
        }
        close(in[0]);
        close(out[1]);
        if (write(in[1], body, size) < 0)
            return 1;
        close(in[1]);
        while (read(out[0], answer, sizeof answer) > 0)
            ;
        close(out[0]);
        wait(NULL);
        clock_gettime(CLOCK_MONOTONIC, &end);
        times[i] = (double)(end.tv_sec - start.tv_sec) * 1e6 + (double)(end.tv_nsec - start.tv_nsec) / 1e3;
    }
    qsort(times, (size_t)count, sizeof *times, by_size);
    printf("%.1f\n", times[count / 2]);
    return 0;
}
