/*
 * The commit and compaction protocol of app/store (FORMAT.md), for spin: one token is created and revoked while the log goes
 * round a ring of three segments, syncs take their time, and the power is cut anywhere. In every state: what was
 * acknowledged is there, what was revoked stays revoked, and no boot refuses the flash.
 *
 * "W1" is rule 1 of the chapter Writing, "R3" rule 3 of Reading the log. BROKEN takes one rule away; tests/tools/test_model.py
 * has spin find out that it was needed.
 *
 * A frame holds one record. What a cut leaves of a frame or an erase that no sync had covered: the old content, the new, or TORN,
 * which is not a frame and not blank. Not modelled: bad blocks (W5), marks (W7; a filler is one), the header, rot.
 */
#define SEGMENTS 3
#ifndef FRAMES
#define FRAMES    2 /* of a segment */
#define FRAME_MAX 8 /* ever sealed, less one */
#define CUT_MAX   2
#define BROKEN    0
#endif
#define SLOTS (SEGMENTS * FRAMES)
#define BLANK 0
#define TORN  255
#define WHOLE(x) ((x) != BLANK && (x) != TORN)
#define AT(position, index) ((position) * FRAMES + (index))

/* The rules, each with what is done in its place when BROKEN is its number. */
#define ERASE_IS_DURABLE  (is_erase_durable || BROKEN == 1) /* W1: before the first program */
#define MAY_LEAVE_SEGMENT (durable == last || BROKEN == 2)  /* W2: before the next segment's first frame */
#define COVERED           (BROKEN == 3 -> last : asked_last) /* W4: by a sync, what was programmed before it began */
#define BEHIND_TORN       (BROKEN == 4 -> i + 1 : FRAMES)    /* W6: nothing is programmed there */
#define DURABLE_NOW       (BROKEN == 5 -> asked_last : durable) /* Frame, "durable through": no sync is under way for it */
#define OLDEST_NEEDED     (BROKEN == 6 -> compacted : tail) /* Compaction: by a boot, as long as no durable frame denies it */
#define COPY              (token == 1 || BROKEN == 7 -> COPY_ACTIVE : COPY_REVOKED) /* Compaction: what is current */
#define MAY_SKIP          (BROKEN == 8) /* Compaction: "the log begins there" before the copies */

#define NEXT         ((head + 1) % SEGMENTS)
#define NEXT_IS_FREE (numbers[NEXT] < OLDEST_NEEDED)
#define RUNS         (cuts < CUT_MAX)
#define HAS_PLACE    (RUNS && frame_count < FRAME_MAX && head_used < FRAMES)

mtype = { FILLER, CREATED, REVOKED, COPY_ACTIVE, COPY_REVOKED };

/* Every frame that was ever sealed; frame 0 is none. A frame's number stands for its tag. */
typedef frame {
    byte sequence; byte before; /* the chain */
    byte segment; byte oldest; byte durable;
    mtype record;
};
frame frames[FRAME_MAX];
byte frame_count = 1;

/* The flash: as it reads, as it would read after a cut, as it read when the sync under way began. */
byte now[SLOTS]; byte kept[SLOTS]; byte asked[SLOTS];
bit is_syncing; byte asked_last;

/* RAM. */
byte head; byte head_used; byte number = 1; /* position, frames in it, its segment's number */
byte numbers[SEGMENTS];                     /* of the segment at each position */
byte last; byte durable;                    /* frames: end of the chain, end of what is durable */
byte tail = 1;                              /* number of the oldest segment that a boot would read */
byte compacted = 1;                         /* number of the oldest that is not handed over yet */
byte prepared = SEGMENTS;                   /* position that was erased for use */
bit is_erase_durable;
byte token;      /* 0 none, 1 active, 2 revoked */
byte token_home; /* number of the segment of its newest full record */

/* What a client was told. */
bit told_created; bit told_revoked;
byte cuts;

/* For the steps of one statement; 0 between them. */
byte i; byte p; byte frame_; byte newest; byte state; byte home; byte following;

/* Seal a frame and program it (W3: no barrier). */
inline program(what, oldest_) {
    assert(now[AT(head, head_used)] == BLANK);
    frames[frame_count].sequence = frames[last].sequence + 1;
    frames[frame_count].before = last;
    frames[frame_count].segment = number;
    frames[frame_count].oldest = oldest_;
    frames[frame_count].durable = frames[DURABLE_NOW].sequence;
    frames[frame_count].record = what;
    last = frame_count;
    now[AT(head, head_used)] = last;
    frame_count++;
    head_used++;
}

/* A sync has returned: what was programmed before it began is acknowledged (W4), and the segments are let go that its
 * newest frame does not need (the commit point of compaction). */
inline end_sync() {
    for (i : 0 .. SLOTS - 1) { kept[i] = asked[i] }
    is_syncing = 0;
    durable = COVERED;
    tail = frames[durable].oldest;
    is_erase_durable = prepared != SEGMENTS;
    for (i : 0 .. FRAMES - 1) { is_erase_durable = is_erase_durable && asked[AT(prepared % SEGMENTS, i)] == BLANK }
    frame_ = durable;
    do
    :: frame_ == 0 -> break
    :: else ->
        told_created = told_created || frames[frame_].record == CREATED;
        told_revoked = told_revoked || frames[frame_].record == REVOKED;
        frame_ = frames[frame_].before
    od;
    for (i : 0 .. SLOTS - 1) { asked[i] = 0 }
    asked_last = 0; i = 0
}

/* Each part of the flash that no sync covered is old, new, or torn. */
inline cut() {
    for (i : 0 .. SLOTS - 1) {
        if
        :: true /* as it was */
        :: kept[i] != now[i] -> kept[i] = now[i]
        :: is_syncing && kept[i] != asked[i] && asked[i] != now[i] -> kept[i] = asked[i]
        :: kept[i] != now[i] -> kept[i] = TORN
        fi
    }
    i = 0
}

inline replay(x) {
    if
    :: frames[x].record == FILLER
    :: frames[x].record == REVOKED -> state = 2
    :: else -> state = (frames[x].record == COPY_REVOKED -> 2 : 1); home = frames[x].segment
    fi
}

/* R1 to R4. An assertion that fails is a boot that refuses, or a promise that is broken. */
inline boot() {
    newest = 0; /* R1 */
    for (p : 0 .. SEGMENTS - 1) {
        frame_ = kept[AT(p, 0)];
        numbers[p] = 0;
        if :: WHOLE(frame_) -> numbers[p] = frames[frame_].segment :: else fi;
        if :: numbers[p] > newest -> newest = numbers[p]; head = p :: else fi
    }
    last = 0; head_used = 0; state = 0; home = 0; tail = 1; number = 1;
    if
    :: newest == 0 -> /* the first frame of all was lost: its segment is erased again (W1) */
        head = 0;
        for (i : 0 .. FRAMES - 1) { kept[i] = BLANK }
    :: else ->
        last = kept[AT(head, 0)]; head_used = 1; number = newest; /* R2 */
        do
        :: head_used < FRAMES && WHOLE(kept[AT(head, head_used)]) && frames[kept[AT(head, head_used)]].before == last ->
            last = kept[AT(head, head_used)]; head_used++
        :: else -> break
        od;
        assert(head_used == FRAMES || !WHOLE(kept[AT(head, head_used)])); /* R3: rot */
        following = head_used;
        for (i : head_used .. FRAMES - 1) {
            frame_ = kept[AT(head, i)];
            assert(!WHOLE(frame_) || frames[frame_].durable <= frames[last].sequence); /* R3: a hole */
            following = (frame_ != BLANK -> BEHIND_TORN : following)
        }
        head_used = following;
        tail = frames[last].oldest;
        following = 0;
        for (newest : tail .. number) { /* R4 */
            p = 0;
            do :: p < SEGMENTS && numbers[p] != newest -> p++ :: else -> break od;
            assert(p < SEGMENTS); /* a segment is missing */
            frame_ = kept[AT(p, 0)];
            assert(following == 0 || frames[frame_].before == following); /* a jump */
            replay(frame_);
            for (i : 1 .. FRAMES - 1) {
                if
                :: WHOLE(kept[AT(p, i)]) && frames[kept[AT(p, i)]].before == frame_ ->
                    frame_ = kept[AT(p, i)];
                    replay(frame_)
                :: else -> break
                fi
            }
            following = frame_
        }
    fi;
    assert(!told_created || state > 0);
    assert(!told_revoked || state == 2);
    told_created = state > 0; /* a boot may show what it found: it stays */
    told_revoked = state == 2;
    for (i : 0 .. SLOTS - 1) { now[i] = kept[i]; asked[i] = 0 }
    durable = last; compacted = tail; prepared = SEGMENTS; is_erase_durable = 0; is_syncing = 0; asked_last = 0;
    token = state; token_home = home; numbers[head] = number;
    i = 0; p = 0; frame_ = 0; newest = 0; state = 0; home = 0; following = 0
}

/* ---- the machine: what it may do next ---- */

active proctype machine() {
    numbers[head] = number;
end:
    do
    :: cuts == CUT_MAX -> break /* only a boot tells */
    :: atomic { HAS_PLACE && token == 0 -> program(CREATED, compacted); token = 1; token_home = number }
    :: atomic { HAS_PLACE && token == 1 -> program(REVOKED, compacted); token = 2 }
    :: d_step { HAS_PLACE && token > 0 -> program(FILLER, compacted) }
    :: d_step { RUNS && !is_syncing && (durable != last || (prepared != SEGMENTS && !is_erase_durable)) ->
            for (i : 0 .. SLOTS - 1) { asked[i] = now[i] }
            i = 0; asked_last = last; is_syncing = 1 }
    :: d_step { RUNS && is_syncing -> end_sync() }
    :: d_step { RUNS && NEXT_IS_FREE && prepared == SEGMENTS && head_used == FRAMES -> /* W1 */
            for (i : 0 .. FRAMES - 1) { now[AT(NEXT, i)] = BLANK }
            i = 0; prepared = NEXT; is_erase_durable = 0; numbers[NEXT] = 0 }
    :: d_step { RUNS && head_used == FRAMES && prepared == NEXT && ERASE_IS_DURABLE && MAY_LEAVE_SEGMENT -> /* W1, W2 */
            head = NEXT; head_used = 0; number++; numbers[head] = number; prepared = SEGMENTS }
    /* Compaction, which begins when no segment is free: hand the oldest segment over; then a frame may say so. */
    :: d_step { RUNS && compacted < number && !NEXT_IS_FREE && token_home != compacted -> compacted++ }
    :: atomic { compacted < number && token_home == compacted && HAS_PLACE ->
            if
            :: program(COPY, compacted)
            :: program(COPY, (compacted + 1)) /* the frame with the copy says so itself */
            fi;
            token_home = number; compacted++ }
    :: d_step { MAY_SKIP && RUNS && compacted < number && token_home == compacted -> compacted++ }
    :: atomic { MAY_SKIP && token_home < compacted && HAS_PLACE -> program(COPY, compacted); token_home = number }
    :: atomic { RUNS -> cuts++; cut(); d_step { boot() } }
    od
}
