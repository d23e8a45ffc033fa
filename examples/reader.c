/* Reads the pictures of a live session from outside, by docs/layout.md alone: maps read-only, copies each frame, keeps a copy
 * only if it is whole, checks its checksum, and follows the stream from one region to the next.
 *
 *     cc -Wall -Wextra -Werror -O2 -Iinclude -o reader examples/reader.c && ./reader SESSION FRAMES
 *
 * It ends with the session. It returns 0 if at least FRAMES frames were whole and no copy that it kept was wrong. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tricine.h"

static const char *session;
static unsigned long whole, thrown_away, wrong, regions, sizes;

/* A region, mapped. */
struct region {
    const char *base; /* NULL: none */
    uint64_t generation, mode, capacity, stride, first, len;
    uint64_t last; /* the highest seq that was looked at */
};

static void name_of(char *name, size_t size, const char *generation)
{
    snprintf(name, size, "/dev/shm/tricine.%s.video.%s", session, generation);
}

/* The highest generation of the stream, or the lowest one from `from` on. -1: there is none. */
static int64_t find(uint64_t from, int highest)
{
    char prefix[256];
    int64_t found = -1;
    int len = snprintf(prefix, sizeof prefix, "tricine.%s.video.", session);
    DIR *folder = opendir("/dev/shm");
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        if (strncmp(entry->d_name, prefix, (size_t)len) != 0)
            continue;
        int64_t generation = strtoll(entry->d_name + len, NULL, 10);
        if (generation >= (int64_t)from && (found < 0 || (highest ? generation > found : generation < found)))
            found = generation;
    }
    if (folder)
        closedir(folder);
    return found;
}

static void detach(struct region *region)
{
    if (region->base)
        munmap((void *)(uintptr_t)region->base, region->len);
    region->base = NULL;
}

/* Maps a generation and checks its header. 0: it is not there. A region of another layout ends the program. */
static int attach(struct region *region, uint64_t generation)
{
    char name[320], number[32];
    struct stat status;
    snprintf(number, sizeof number, "%llu", (unsigned long long)generation);
    name_of(name, sizeof name, number);
    int file = open(name, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    if (fstat(file, &status) != 0 || status.st_size < TRICINE_PAYLOAD) {
        close(file);
        return 0;
    }
    size_t len = (size_t)status.st_size;
    const char *base = mmap(NULL, len, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (base == MAP_FAILED)
        return 0;
    uint64_t capacity = tricine_load(base, TRICINE_AT_CAPACITY), stride = tricine_load(base, TRICINE_AT_STRIDE);
    uint64_t mode = tricine_load(base, TRICINE_AT_MODE);
    if (tricine_load(base, TRICINE_AT_MAGIC) != TRICINE_MAGIC || tricine_load(base, TRICINE_AT_VERSION) != TRICINE_VERSION
        || tricine_load(base, TRICINE_AT_LAYOUT_HASH) != TRICINE_LAYOUT_HASH
        || tricine_load(base, TRICINE_AT_GENERATION) != generation
        || tricine_load(base, TRICINE_AT_KIND) != TRICINE_KIND_FILM || mode > TRICINE_MODE_MAILBOX || capacity < 1
        || capacity > TRICINE_MAX_CAPACITY || stride != (capacity + 4095) / 4096 * 4096
        || len != TRICINE_PAYLOAD + TRICINE_SLOTS * stride || tricine_load(base, TRICINE_AT_REGION_LEN) != len) {
        fprintf(stderr, "%s: not a region of this layout\n", name);
        exit(2);
    }
    detach(region);
    *region = (struct region){base, generation, mode, capacity, stride, tricine_load(base, TRICINE_AT_BASE), len, 0};
    regions++;
    return 1;
}

/* Copies the frame in a slot and checks the copy. */
static void copy(struct region *region, unsigned slot, uint64_t seq)
{
    static unsigned char *payload;
    static size_t room;
    static uint32_t width, height;
    uint64_t words[TRICINE_META_WORDS];
    struct tricine_film film;
    for (unsigned i = 0; i < TRICINE_META_WORDS; i++)
        words[i] = tricine_load(region->base, tricine_at_meta(slot) + 8 * i);
    int valid = tricine_film(&film, words, region->capacity);
    if (room < region->capacity) {
        room = region->capacity;
        payload = realloc(payload, room);
        if (!payload)
            abort();
    }
    if (valid)
        memcpy(payload, region->base + TRICINE_PAYLOAD + slot * region->stride, film.len);
    region->last = seq;
    if (!tricine_tap_whole(region->base, region->mode, slot, seq)) {
        thrown_away++;
        return;
    }
    if (!valid || film.seq != region->first + seq - 1
        || (film.format != TRICINE_FORMAT_BYTES && tricine_checksum(payload, film.len) != film.checksum)) {
        fprintf(stderr, "generation %llu, seq %llu: the copy is wrong\n", (unsigned long long)region->generation,
                (unsigned long long)seq);
        wrong++;
        return;
    }
    whole++;
    if (film.width != width || film.height != height) {
        width = film.width;
        height = film.height;
        sizes++;
        printf("frame %llu: %u x %u\n", (unsigned long long)film.seq, width, height);
    }
}

/* Copies every frame that is new. Whether there was one. */
static int look(struct region *region)
{
    uint64_t before = region->last;
    if (region->mode == TRICINE_MODE_MAILBOX) {
        uint64_t mail = tricine_load(region->base, TRICINE_AT_MAIL);
        if (tricine_mail_valid(mail) && tricine_mail_seq(mail) > before)
            copy(region, tricine_mail_dirty(mail) ? tricine_mail_middle(mail) : tricine_mail_front(mail),
                 tricine_mail_seq(mail));
        return region->last > before;
    }
    uint64_t seqs[TRICINE_SLOTS];
    for (unsigned i = 0; i < TRICINE_SLOTS; i++)
        seqs[i] = tricine_load(region->base, tricine_at_seq(i));
    for (;;) {
        unsigned next = TRICINE_SLOTS;
        for (unsigned i = 0; i < TRICINE_SLOTS; i++)
            if (tricine_seq_valid(i, seqs[i]) && seqs[i] > region->last && (next == TRICINE_SLOTS || seqs[i] < seqs[next]))
                next = i;
        if (next == TRICINE_SLOTS)
            return region->last > before;
        copy(region, next, seqs[next]);
    }
}

/* Goes to the region in which the stream goes on, if it does not go on in this one. */
static void follow(struct region *region)
{
    char name[320], number[32];
    uint64_t successor = tricine_load(region->base, TRICINE_AT_SUCCESSOR);
    if (successor) {
        if (look(region) || attach(region, successor - 1))
            return;
    } else {
        snprintf(number, sizeof number, "%llu", (unsigned long long)region->generation);
        name_of(name, sizeof name, number);
        if (access(name, F_OK) == 0)
            return;
    }
    int64_t next = find(region->generation + 1, 0);
    if (next >= 0)
        attach(region, (uint64_t)next);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: %s SESSION FRAMES\n", argv[0]);
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    session = argv[1];
    unsigned long wanted = strtoul(argv[2], NULL, 10);
    char control[320];
    snprintf(control, sizeof control, "/dev/shm/tricine.%s.control", session);
    struct region region = {0};
    const struct timespec pause = {0, 500000};
    while (access(control, F_OK) == 0) {
        if (region.base) {
            if (!look(&region))
                follow(&region);
        } else {
            int64_t generation = find(0, 1);
            if (generation >= 0)
                attach(&region, (uint64_t)generation);
        }
        nanosleep(&pause, NULL);
    }
    printf("%lu frames whole, %lu thrown away, %lu wrong, in %lu regions, of %lu sizes\n", whole, thrown_away, wrong, regions, sizes);
    return whole >= wanted && wrong == 0 ? 0 : 1;
}
