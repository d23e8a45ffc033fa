/* The FIFO channel: three slots, an ownership word for each, two doorbells, and deaths.
 *
 * Beside shared/src/channel/{producer,consumer,wake,recover}.rs, step by step: each statement here is one access of one shared
 * word there. Memory is sequentially consistent here; what weaker memory may show is loom's to explore. A doorbell is a
 * counter whose wait and post are atomic, which is what POSIX promises of a semaphore. Since this memory is sequentially
 * consistent, the barriers of wake.rs are nothing here.
 *
 *   N  frames published          K  deaths, of either side, in any order, also while the other is being recovered
 *   T  frames taken (default N): with T = N - 3 the consumer stops, and the producer must still fill every slot
 *   A  slots given back unpublished        TWICE  recovery is repeated
 * and one switch for each seeded bug of shared/src/channel/bug.rs.
 *
 * Properties: no deadlock (every end is an end of all), no word that the code would call corrupt, every frame whole, each
 * effect once and in order, tokens bounded; and no cycle at all (run with -DNP), so that nothing spins for ever.
 */
#ifndef N
#define N 5
#endif
#ifndef K
#define K 3
#endif
#ifndef T
#define T N
#endif
#ifndef A
#define A 0
#endif

#define FREE 0
#define WRITING 1
#define READY 2
#define READING 3

/* Shared memory. */
byte state[3];
byte seq[3] = {0, 1, 2};
byte payload[3], meta[3];
byte done = 0;
byte empty_bell = 0, filled_bell = 0;
bool p_asleep = false, c_asleep = false;

/* The world. A process whose flag says dead takes no further step: the kernel's promise once waitid has reported it. */
bool p_dead = false, p_gone = false, p_over = false;
bool c_dead = false, c_gone = false, c_over = false;
byte deaths = 0, abandoned = 0;
byte effects[N];
byte next_effect = 0;

inline wait(bell) { atomic { bell > 0 -> bell-- } }
inline post(bell) { bell++ }

/* announce(): after a change that the other side may wait for. */
inline announce(asleep, bell) {
    if
    :: asleep ->
#ifdef TAKES_BACK_AFTER_RING
        post(bell);
        asleep = false
#else
        if
        :: atomic { asleep -> asleep = false };
            post(bell)
        :: else
        fi
#endif
    :: else
    fi
}

/* Spin::wait() and Channel::sleep(), without asking and without a deadline. */
inline sleep(asleep, bell, there) {
    if
    :: wait(bell)
    :: else ->
        asleep = true;
        if
#ifndef NO_SECOND_LOOK
        :: there -> rung = false
        :: else ->
#else
        :: true ->
#endif
            wait(bell);
            rung = true
        fi;
        atomic { was = asleep; asleep = false };
        if
        :: !was && !rung ->
            if
            :: wait(bell)
            :: else
            fi
        :: else
        fi;
        d_step { was = false; rung = false }
    fi
}

#define p_free (state[n % 3] == FREE && seq[n % 3] == n)
#define c_ready (state[n % 3] == READY && seq[n % 3] == n)

active proctype Producer() {
    byte n, i, s;
    bool was, rung;
start:
    {
        /* producer_next(): the words are read one after another, while the consumer runs. */
        n = 0; i = 0;
        do
        :: i < 3 ->
            d_step {
                s = (state[i] >= READY -> seq[i] + 1 : (seq[i] >= 3 -> seq[i] - 2 : 0));
#ifdef PRODUCER_NEXT_OFF_BY_ONE
                s = (state[i] >= READY -> s + 1 : s);
#endif
                n = (s > n -> s : n);
                s = 0; i++
            }
        :: else -> i = 0; break
        od;
        do
        :: n >= N -> break
        :: else ->
            do
            :: p_free -> break
            :: atomic { !p_free -> assert(state[n % 3] >= READY && seq[n % 3] + 3 == n) };
                sleep(p_asleep, empty_bell, p_free)
            od;
            /* A plain store: nobody else changes a word that is FREE. */
            atomic {
                assert(p_free);
#ifdef READY_BEFORE_PAYLOAD
                state[n % 3] = READY
#else
                state[n % 3] = WRITING
#endif
            };
            if
            :: atomic { abandoned < A -> abandoned++ };
                state[n % 3] = FREE
            :: true ->
                payload[n % 3] = n + 1;
#ifndef READY_BEFORE_META
                meta[n % 3] = n + 1;
#endif
#ifdef BELL_BEFORE_READY
                announce(c_asleep, filled_bell);
#endif
                state[n % 3] = READY;
#ifdef READY_BEFORE_META
                meta[n % 3] = n + 1;
#endif
#ifndef BELL_BEFORE_READY
                announce(c_asleep, filled_bell);
#endif
                n++
            fi
        od;
        p_over = true
    } unless { p_dead };
    if
    :: p_dead ->
        d_step { p_gone = true; n = 0; i = 0; s = 0; was = false; rung = false };
        !p_gone;
        goto start
    :: else
    fi
}

active proctype Consumer() {
    byte n, i, s;
    bool was, rung;
start:
    {
        /* consumer_next() */
        n = 0; i = 0;
        do
        :: i < 3 ->
            d_step { s = (seq[i] >= 3 -> seq[i] - 2 : 0); n = (s > n -> s : n); s = 0; i++ }
        :: else -> i = 0; break
        od;
#ifdef CONSUMER_NEXT_OFF_BY_ONE
        n = (n > 0 -> n + 1 : 0);
#endif
        do
        :: n >= T -> break
        :: else ->
            do
            :: c_ready -> break
            :: atomic { !c_ready -> assert(state[n % 3] < READY && seq[n % 3] == n) };
                sleep(c_asleep, filled_bell, c_ready)
            od;
            /* A plain store: nobody else changes a word that is READY. */
            atomic { assert(c_ready); state[n % 3] = READING };
#ifdef RELEASE_BEFORE_READ
            atomic { state[n % 3] = FREE; seq[n % 3] = n + 3 };
            announce(p_asleep, empty_bell);
#endif
            assert(meta[n % 3] == n + 1);
            assert(payload[n % 3] == n + 1);
            /* The effect commits with the record of it. */
            atomic {
                if
                :: done <= n ->
                    effects[n]++;
                    assert(next_effect == n);
                    next_effect = n + 1;
#ifdef DONE_OFF_BY_ONE
                    done = n
#else
                    done = n + 1
#endif
                :: else
                fi
            };
#ifndef RELEASE_BEFORE_READ
#ifdef BELL_BEFORE_FREE
            announce(p_asleep, empty_bell);
#endif
            d_step { state[n % 3] = FREE; seq[n % 3] = n + 3 };
#ifndef BELL_BEFORE_FREE
            announce(p_asleep, empty_bell);
#endif
#endif
            n++
        od;
        c_over = true
    } unless { c_dead };
    if
    :: c_dead ->
        d_step { c_gone = true; n = 0; i = 0; s = 0; was = false; rung = false };
        !c_gone;
        goto start
    :: else
    fi
}

/* SIGKILL, at any moment. */
active proctype Death() {
    do
    :: deaths >= K -> break
    :: p_over && c_over -> break
    :: atomic { deaths < K && !p_dead && !p_over -> p_dead = true; deaths++ }
    :: atomic { deaths < K && !c_dead && !c_over -> c_dead = true; deaths++ }
    od
}

inline reset(held, free) {
    i = 0;
    do
    :: i < 3 ->
        atomic {
            if
#ifndef NO_RESET
            :: state[i] == held -> state[i] = free
#ifdef RESETS_SURVIVOR
            :: state[i] == READING && held != READING -> state[i] = FREE; seq[i] = seq[i] + 3
            :: state[i] == WRITING && held != WRITING -> state[i] = READY
#endif
#endif
            :: else
            fi;
            i++
        }
    :: else -> i = 0; break
    od
}

inline ring(own, other) {
#ifndef NO_POST_AFTER_DEATH
    post(own);
    post(other)
#else
    skip
#endif
}

/* recover(), beside the survivor, and the start of a successor. */
active proctype Supervisor() {
    byte i;
    do
    :: p_gone ->
        reset(WRITING, FREE);
        ring(empty_bell, filled_bell);
#ifdef TWICE
        reset(WRITING, FREE);
        ring(empty_bell, filled_bell);
#endif
        d_step { p_dead = false; p_gone = false }
    :: c_gone ->
        reset(READING, READY);
        ring(filled_bell, empty_bell);
#ifdef TWICE
        reset(READING, READY);
        ring(filled_bell, empty_bell);
#endif
        d_step { c_dead = false; c_gone = false }
#ifdef NO_FENCE
    /* A side that is only thought dead gets a successor while it lives. */
    :: atomic { deaths < K && !p_dead && !p_over -> deaths++ };
        reset(WRITING, FREE);
        ring(empty_bell, filled_bell);
        run Producer()
#endif
    :: p_over && c_over -> break
    od;
    /* The end: every frame that was to be taken had its effect once, and tokens have not piled up. */
    do
    :: i < T -> d_step { assert(effects[i] == 1); i++ }
    :: else -> break
    od;
    assert(empty_bell <= N + 4 * K && filled_bell <= N + 4 * K)
}
