/* The FIFO channel: three slots, a word for each that the producer raises, one that the consumer raises, two doorbells, and
 * deaths.
 *
 * Beside shared/src/channel/{steps,producer,consumer,wake,recover}.rs, step by step: each statement here is one access of one
 * shared word there. Memory is sequentially consistent here, so that the barriers of wake.rs are nothing; what weaker memory may
 * show is loom's to explore. A doorbell is a counter whose wait and post are atomic, which is what POSIX promises of a semaphore.
 *
 *   N  frames published          K  deaths, of either side, in any order, also while the other is being recovered
 *   T  if defined, nobody speaks of an end, and the consumer stops after so many frames: with T = N - 3 the producer must still
 *      fill every slot. Else it goes on to the end of the stream, of which it knows by the producer's word alone.
 *   POISON  the supervisor may take the frame that a dead consumer held away for good          TWICE  recovery is repeated
 * and one switch for each seeded bug of shared/src/channel/bug.rs.
 *
 * A slot that is abandoned and a frame that is given back change no word, so there is nothing of them here.
 *
 * Properties: no deadlock (every end is an end of all), no word that the code would call corrupt, every frame whole, each
 * effect in order, and twice only for a consumer that died between the effect and the release, tokens bounded; and no cycle at
 * all (run with -DNP), so that nothing spins for ever.
 */
#ifndef N
#define N 5
#endif
#ifndef K
#define K 3
#endif

/* Shared memory. */
byte seq[3];
byte released = 0, taken = 0, end = 0;
byte payload[3], meta[3];
byte empty_bell = 0, filled_bell = 0;
bool p_asleep = false, c_asleep = false;

/* The world. A process whose flag says dead takes no further step: the kernel's promise once wait4 has reported it. */
bool p_dead = false, p_gone = false, p_over = false;
bool c_dead = false, c_gone = false, c_over = false;
byte deaths = 0;
/* Frames that had their effect; and whether the last consumer died between an effect and the release. */
byte effects = 0;
bool again = false;

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

/* Spin::wait() and Channel::sleep(), without asking and without a deadline. `called`: somebody rang unasked. */
inline sleep(asleep, bell, there) {
    if
    :: atomic { bell > 0 -> bell--; called = true }
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
        :: rung -> called = was
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

#define highest(a, b) (a > b -> a : b)
#define p_free (n < released + 3)
#define c_ready (seq[n % 3] == n + 1)

active proctype Producer() {
    byte n, seen;
    bool was, rung, called;
start:
    {
        /* attach(): `released` first, and then the predecessor's own words, which nobody changes. */
        seen = released;
        d_step {
            n = highest(seq[0], seq[1]);
            n = highest(n, seq[2]);
            assert(seen <= n && n <= seen + 3);
#ifdef PRODUCER_NEXT_OFF_BY_ONE
            n = (n > 0 -> n + 1 : 0);
#endif
        };
        do
        :: n >= N -> break
        :: else ->
            do
            :: n < seen + 3 -> break
            :: else ->
                atomic {
                    assert(released >= seen && released <= n);
#ifdef ONE_SLOT_TOO_MANY
                    seen = (released < n -> released + 1 : released)
#else
                    seen = released
#endif
                };
                if
                :: n < seen + 3 -> break
                :: else -> sleep(p_asleep, empty_bell, p_free); called = false
                fi
            od;
#ifdef READY_BEFORE_PAYLOAD
            seq[n % 3] = n + 1;
#endif
            payload[n % 3] = n + 1;
#ifndef READY_BEFORE_META
            meta[n % 3] = n + 1;
#endif
#ifdef BELL_BEFORE_READY
            announce(c_asleep, filled_bell);
#endif
            seq[n % 3] = n + 1;
#ifdef READY_BEFORE_META
            meta[n % 3] = n + 1;
#endif
#ifndef BELL_BEFORE_READY
            announce(c_asleep, filled_bell);
#endif
            n++
        od;
#ifndef T
        /* finish() */
        end = n + 1;
        post(filled_bell);
#endif
        p_over = true
    } unless { p_dead };
    if
    :: p_dead ->
        d_step { p_gone = true; n = 0; seen = 0; was = false; rung = false; called = false };
        !p_gone;
        goto start
    :: else
    fi
}

active proctype Consumer() {
    byte n;
    bool was, rung, called;
start:
    {
        /* attach(): the predecessor's own word. What it makes of `seq` is for shared/tests/ownership.rs. */
        n = released;
#ifdef CONSUMER_NEXT_OFF_BY_ONE
        n = (n > 0 -> n + 1 : 0);
#endif
#ifdef TAKEN_IS_RELEASED
        n = highest(n, taken);
#endif
        do
#ifdef T
        :: n >= T -> break
        :: n < T ->
#else
        :: true ->
#endif
#ifdef TAKEN_BEFORE_THERE
            taken = n + 1;
#endif
            if
            :: c_ready
            :: atomic { !c_ready -> assert(seq[n % 3] == (n >= 3 -> n - 2 : 0)) };
                if
                :: called
                :: else -> sleep(c_asleep, filled_bell, c_ready)
                fi;
                if
                :: c_ready
                :: else ->
                    /* after_last(): the end, if it is said, and then once more whether a frame came before it. */
                    called = false;
                    if
                    :: end == n + 1 ->
                        if
                        :: !c_ready -> break
                        :: else
                        fi
                    :: else
                    fi
                fi
            fi;
            if
            :: atomic { c_ready -> taken = n + 1 };
#ifdef RELEASE_BEFORE_READ
                released = n + 1;
                announce(p_asleep, empty_bell);
#endif
                assert(meta[n % 3] == n + 1);
                assert(payload[n % 3] == n + 1);
                d_step {
                    assert(effects == n || again && effects == n + 1);
                    effects = n + 1;
                    again = false
                };
#ifndef RELEASE_BEFORE_READ
#ifdef BELL_BEFORE_FREE
                announce(p_asleep, empty_bell);
#endif
                released = n + 1;
#ifndef BELL_BEFORE_FREE
                announce(p_asleep, empty_bell);
#endif
#endif
                n++
            :: else
            fi
        od;
        c_over = true
    } unless { c_dead };
    if
    :: c_dead ->
        d_step { c_gone = true; again = effects > released; n = 0; was = false; rung = false; called = false };
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

inline ring(own, other) {
#ifndef NO_POST_AFTER_DEATH
    post(own);
    post(other)
#else
    skip
#endif
}

/* recover(), beside the survivor, and the start of a successor: no word of a frame changes. */
active proctype Supervisor() {
    do
    :: p_gone ->
        ring(empty_bell, filled_bell);
#ifdef TWICE
        ring(empty_bell, filled_bell);
#endif
        d_step { p_dead = false; p_gone = false }
    /* What is held against a frame is held against one that was there. */
    :: atomic { c_gone -> assert(taken <= released || seq[(taken - 1) % 3] == taken) };
#ifdef POISON
        /* discard() */
        if
        :: atomic { taken > released -> effects = taken; again = false };
#ifdef DISCARDS_TOO_MUCH
            released = taken + 1
#else
            released = taken
#endif
#ifdef DISCARDS_ANY_FRAME
        :: taken <= released -> released = released + 1
#endif
        :: true
        fi;
#endif
        ring(filled_bell, empty_bell);
#ifdef TWICE
        ring(filled_bell, empty_bell);
#endif
        d_step { c_dead = false; c_gone = false }
#ifdef NO_FENCE
    /* A side that is only thought dead gets a successor while it lives. */
    :: atomic { deaths < K && !p_dead && !p_over -> deaths++ };
        ring(empty_bell, filled_bell);
        run Producer()
    :: atomic { deaths < K && !c_dead && !c_over -> deaths++ };
        ring(filled_bell, empty_bell);
        run Consumer()
#endif
    :: p_over && c_over -> break
    od;
    /* The end: every frame that was to be taken had its effect, and tokens have not piled up. */
#ifdef T
    assert(effects == T && released == T);
#else
    assert(effects == N && released == N);
#endif
    assert(empty_bell <= N + 2 * K && filled_bell <= N + 1 + 3 * K)
}
