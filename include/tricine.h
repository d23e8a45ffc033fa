/* What a reader of Tricine's shared memory needs in C: see docs/layout.md, which explains every word.
 * C11 or later, GCC or Clang, on a 64-bit little-endian machine. Everything here only reads. */
#ifndef TRICINE_H
#define TRICINE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Made by session/tests/layout.rs. generated: constants */
#define TRICINE_MAGIC UINT64_C(0x00454e4943495254)
#define TRICINE_VERSION 4
#define TRICINE_LAYOUT_HASH UINT64_C(0x35ab8b9617aa4ab2)
#define TRICINE_SLOTS 3
#define TRICINE_META_WORDS 12
#define TRICINE_SLOT_BYTES 128
#define TRICINE_SLOT_META 0x8
#define TRICINE_PAYLOAD 0x4000
#define TRICINE_MAX_CAPACITY 536870912
#define TRICINE_AT_MAGIC 0x0000
#define TRICINE_AT_VERSION 0x0008
#define TRICINE_AT_LAYOUT_HASH 0x0010
#define TRICINE_AT_REGION_LEN 0x0018
#define TRICINE_AT_KIND 0x0020
#define TRICINE_AT_MODE 0x0028
#define TRICINE_AT_STRIDE 0x0030
#define TRICINE_AT_CAPACITY 0x0038
#define TRICINE_AT_GENERATION 0x0040
#define TRICINE_AT_BASE 0x0048
#define TRICINE_AT_NOTES 0x0050
#define TRICINE_AT_BARRIERS 0x0060
#define TRICINE_AT_SLOTS 0x1000
#define TRICINE_AT_BEGUN 0x1180
#define TRICINE_AT_END 0x1200
#define TRICINE_AT_SUCCESSOR 0x1280
#define TRICINE_AT_PRODUCER 0x1300
#define TRICINE_AT_PRODUCER_CONFINED 0x1380
#define TRICINE_AT_RELEASED 0x2000
#define TRICINE_AT_TAKEN 0x2080
#define TRICINE_AT_CONSUMER 0x2100
#define TRICINE_AT_CONSUMER_CONFINED 0x2180
#define TRICINE_AT_MAIL 0x3000
#define TRICINE_AT_PRODUCER_ASLEEP 0x3080
#define TRICINE_AT_CONSUMER_ASLEEP 0x3100
#define TRICINE_KIND_LEN UINT64_C(0x0)
#define TRICINE_KIND_SUMMED UINT64_C(0x1)
#define TRICINE_KIND_FILM UINT64_C(0x14d4c4946)
#define TRICINE_MODE_FIFO 0
#define TRICINE_MODE_MAILBOX 1
#define TRICINE_FORMAT_I420 1
#define TRICINE_FORMAT_F32 2
#define TRICINE_FORMAT_BYTES 3
#define TRICINE_RANGE_LIMITED 0
#define TRICINE_RANGE_FULL 1
#define TRICINE_MATRIX_BT601 0
#define TRICINE_MATRIX_BT709 1
#define TRICINE_MATRIX_BT2020 2
#define TRICINE_ROTATION_NONE 0
#define TRICINE_ROTATION_CW90 1
#define TRICINE_ROTATION_CW180 2
#define TRICINE_ROTATION_CW270 3
#define TRICINE_ROTATION_MIRRORED 4
/* generated end */

/* A word of a mapped region. Acquire: what was published before it is visible. */
static inline uint64_t tricine_load(const void *region, size_t at)
{
    return __atomic_load_n((const uint64_t *)(const void *)((const char *)region + at), __ATOMIC_ACQUIRE);
}

static inline size_t tricine_at_seq(unsigned slot)
{
    return TRICINE_AT_SLOTS + (size_t)slot * TRICINE_SLOT_BYTES;
}

static inline size_t tricine_at_meta(unsigned slot)
{
    return tricine_at_seq(slot) + TRICINE_SLOT_META;
}

/* Whether it can be the seq of a FIFO's slot in which there is a frame. */
static inline int tricine_seq_valid(unsigned slot, uint64_t seq)
{
    return seq > 0 && seq <= UINT64_C(1) << 48 && (seq - 1) % TRICINE_SLOTS == slot;
}

/* The parts of a mailbox's word. */
static inline unsigned tricine_mail_back(uint64_t mail) { return mail & 3; }
static inline unsigned tricine_mail_middle(uint64_t mail) { return mail >> 2 & 3; }
static inline unsigned tricine_mail_front(uint64_t mail) { return mail >> 4 & 3; }
static inline int tricine_mail_dirty(uint64_t mail) { return mail >> 6 & 1; }
static inline uint64_t tricine_mail_seq(uint64_t mail) { return mail >> 8; }

/* Whether it can be a mailbox's word: three different slots, and no unused bit. */
static inline int tricine_mail_valid(uint64_t mail)
{
    unsigned all = 1u << tricine_mail_back(mail) | 1u << tricine_mail_middle(mail) | 1u << tricine_mail_front(mail);
    return all == 7 && !(mail >> 7 & 1);
}

/* Steps 4 and 5 of the tap rule, after the copy: whether the copy of `slot`, whose seq was `seq`, is whole. */
static inline int tricine_tap_whole(const void *region, uint64_t mode, unsigned slot, uint64_t seq)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (mode == TRICINE_MODE_FIFO)
        return tricine_load(region, TRICINE_AT_BEGUN) < seq + TRICINE_SLOTS;
    uint64_t mail = tricine_load(region, TRICINE_AT_MAIL);
    return tricine_mail_valid(mail) && tricine_mail_back(mail) != slot
        && tricine_load(region, tricine_at_seq(slot)) == seq;
}

/* The meta of a picture or of a block of sound. */
struct tricine_film {
    uint64_t seq;
    int64_t pts_ns, duration_ns;
    uint64_t published_ns, checksum, len;
    uint32_t serial, format, width, height, stride, sample_rate, range, matrix, rotation, speakers, sar_num, sar_den;
};

/* Reads a copy of the meta. Returns 0 if its length or format is invalid for a slot of `capacity` bytes. */
static inline int tricine_film(struct tricine_film *film, const uint64_t words[TRICINE_META_WORDS], uint64_t capacity)
{
    film->seq = words[0];
    film->pts_ns = (int64_t)words[1];
    film->duration_ns = (int64_t)words[2];
    film->published_ns = words[3];
    film->checksum = words[4];
    film->len = words[5];
    film->serial = (uint32_t)words[6];
    film->format = (uint32_t)(words[6] >> 32);
    film->width = (uint32_t)words[7];
    film->height = (uint32_t)(words[7] >> 32);
    film->stride = (uint32_t)words[8];
    film->sample_rate = (uint32_t)(words[8] >> 32);
    film->range = (uint32_t)words[9];
    film->matrix = (uint32_t)(words[9] >> 32);
    film->rotation = (uint32_t)words[10];
    film->speakers = (uint32_t)(words[10] >> 32);
    film->sar_num = (uint32_t)words[11];
    film->sar_den = (uint32_t)(words[11] >> 32);
    uint64_t width = film->width, height = film->height, len;
    switch (film->format) {
    case TRICINE_FORMAT_I420:
        len = width * height + 2 * ((width + 1) / 2) * ((height + 1) / 2);
        return width >= 1 && width <= 16384 && height >= 1 && height <= 16384 && film->len == len && len <= capacity;
    case TRICINE_FORMAT_F32:
        return width >= 1 && width <= 8 && film->len == 4 * width * height && film->len <= capacity;
    case TRICINE_FORMAT_BYTES:
        return film->len <= capacity;
    default:
        return 0;
    }
}

static inline uint64_t tricine_mix(uint64_t sum, uint64_t value)
{
    sum = (sum ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return sum << 29 | sum >> 35;
}

static inline uint64_t tricine_word(const unsigned char *payload, size_t len, size_t at)
{
    uint64_t word = 0;
    if (at + sizeof word <= len)
        memcpy(&word, payload + at, sizeof word);
    return word;
}

/* The checksum of a payload. */
static inline uint64_t tricine_checksum(const unsigned char *payload, size_t len)
{
    uint64_t sum = len;
    for (size_t at = 0; at < len; at += 2048)
        sum = tricine_mix(sum, tricine_word(payload, len, at));
    return tricine_mix(sum, tricine_word(payload, len, len < 8 ? 0 : len - 8));
}

#endif
