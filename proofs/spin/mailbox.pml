/* The mailbox: three slots, one ownership word for all, one doorbell, and deaths.
 *
 * Beside shared/src/channel/{steps,producer,consumer,wake,recover}.rs; see fifo.pml for how to read it. The five variables of the
 * word are only ever read or changed together.
 *
 *   N  frames published          K  deaths, of either side, in any order, also while the other is being recovered
 *
 * Properties: no deadlock, every frame whole, never one from before, effects in order, and twice only for a consumer
 * that died between the effect and the record of it, the last frame has its effect; and no cycle at all (run with -DNP): a compare-and-swap that is retried was met by a step of the other side.
 */
#ifndef N
#define N 4
#endif
#ifndef K
#define K 3
#endif

/* Shared memory: the word, the slots (`meta` stands for a slot's number as well), the doorbell, the record of what is done. */
byte back = 0, middle = 1, front = 2, count = 0;
bool dirty = false;
byte payload[3], meta[3];
byte filled_bell = 0;
bool asleep = false;
byte done = 0;

bool p_dead = false, p_gone = false, p_over = false;
bool c_dead = false, c_gone = false, c_over = false;
byte deaths = 0;
byte last_effect = 0;
/* Whether the record of the last effect was made, whatever it says; whether the last consumer died before that. */
bool recorded = true, again = false;

/* announce() */
inline announce() {
    if
    :: asleep ->
#ifdef TAKES_BACK_AFTER_RING
        filled_bell++;
        asleep = false
#else
        if
        :: atomic { asleep -> asleep = false };
            filled_bell++
        :: else
        fi
#endif
    :: else
    fi
}

inline load() { d_step { b = back; m = middle; f = front; d = dirty; s = count } }
#define UNCHANGED (back == b && middle == m && front == f && dirty == d && count == s)

active proctype Producer() {
    byte b, m, f, s, n;
    bool d, swapped;
start:
    {
        do
        :: count >= N -> break
        :: else ->
            /* acquire(): the back slot is ours. */
            load();
            n = b;
            payload[n] = s + 1;
#ifndef READY_BEFORE_META
            meta[n] = s + 1;
#endif
#ifdef BELL_BEFORE_READY
            announce();
#endif
            do
            :: load();
                atomic {
                    swapped = UNCHANGED;
                    if
                    :: swapped -> back = m; middle = n; dirty = true; count = s + 1
                    :: else
                    fi
                };
                if
                :: swapped -> swapped = false; break
                :: else
                fi
            od;
#ifdef READY_BEFORE_META
            meta[n] = s + 1;
#endif
#ifndef BELL_BEFORE_READY
#ifdef BELL_WHEN_DIRTY
            if
            :: d -> announce()
            :: else
            fi
#else
            announce()
#endif
#endif
        od;
        p_over = true
    } unless { p_dead };
    if
    :: p_dead ->
        d_step { p_gone = true; b = 0; m = 0; f = 0; s = 0; n = 0; d = false; swapped = false };
        !p_gone;
        goto start
    :: else
    fi
}

/* A frame in hand: whole, newer than the one before, and its effect, unless it is done. */
inline take(slot) {
    n = payload[slot];
    assert(meta[slot] == n);
    assert(n > last && n <= count);
    last = n;
    if
    :: done < n ->
        d_step {
            assert(n > last_effect || again && n == last_effect);
            last_effect = n;
            again = false;
            recorded = false
        }
    :: else
    fi;
    d_step {
#ifdef DONE_OFF_BY_ONE
        done = n - 1;
#else
        done = n;
#endif
        recorded = true
    }
}

active proctype Consumer() {
    byte b, m, f, s, n, last;
    bool d, swapped, was, rung;
start:
    {
#ifndef SKIPS_FRONT
        /* A predecessor may have died between the swap and the showing. */
        load();
        if
        :: meta[f] > 0 -> take(f)
        :: else
        fi;
#endif
        do
        :: last >= N -> break
        :: else ->
            do
            :: load();
                if
                :: !d -> break
                :: else
                fi;
                atomic {
                    swapped = UNCHANGED;
                    if
                    :: swapped -> middle = f; front = m; dirty = false
                    :: else
                    fi
                };
                if
                :: swapped -> break
                :: else
                fi
            od;
            if
            :: swapped -> swapped = false; take(m)
            /* Spin::wait() and Channel::sleep(), without asking and without a deadline. */
            :: atomic { !swapped && filled_bell > 0 -> filled_bell-- }
            :: else ->
                asleep = true;
                if
#ifndef NO_SECOND_LOOK
                :: dirty -> rung = false
                :: else ->
#else
                :: true ->
#endif
                    atomic { filled_bell > 0 -> filled_bell-- };
                    rung = true
                fi;
                atomic { was = asleep; asleep = false };
                if
                :: atomic { !was && !rung && filled_bell > 0 -> filled_bell-- }
                :: else
                fi;
                d_step { was = false; rung = false }
            fi
        od;
        c_over = true
    } unless { c_dead };
    if
    :: c_dead ->
        d_step { c_gone = true; again = !recorded; b = 0; m = 0; f = 0; s = 0; n = 0; last = 0; d = false; swapped = false; was = false; rung = false };
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

/* recover(): it only rings. The producer listens to nothing. */
active proctype Supervisor() {
    do
    :: p_gone ->
#ifndef NO_POST_AFTER_DEATH
        filled_bell++;
#endif
        d_step { p_dead = false; p_gone = false }
    :: c_gone ->
#ifndef NO_POST_AFTER_DEATH
        filled_bell++;
#endif
        d_step { c_dead = false; c_gone = false }
    :: p_over && c_over -> break
    od;
    assert(last_effect == N);
    assert(filled_bell <= N + 2 * K)
}
