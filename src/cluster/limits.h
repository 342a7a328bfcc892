/* The named limits of the cluster room, each with its reason. */
#ifndef CLUSTER_LIMITS_H
#define CLUSTER_LIMITS_H

enum {
	MEMBERS_MAX = 16,            /* nine voters plus standbys; the matrix is quadratic in it */
	NODE_NAME_MAX = 256,         /* an Erlang node name is at most 255 bytes */
	STATUS_WHY_MAX = 256,        /* one readable sentence */
	ALARM_TEXT_MAX = 512,        /* what is wrong, a remedy, and the names of some members */
	CLUSTER_MESSAGE_MAX = 16384, /* a founding record with 16 long names fits twice */
	IDENTITY_FILE_MAX = 8192,    /* 16 members with the longest names fit */

	QUORUM_SIZE_MAX = 1000,     /* a typing error beyond any cluster this room can hold */
	OUTBOX_ACTIONS_MAX = 256,   /* beats, offers and alarms for 15 peers in one step */
	OUTBOX_SENDS_MAX = 128,     /* of these: the rest stays free for what must not be lost */
	OUTBOX_BYTES_MAX = 1 << 17, /* 15 founding records and 15 beats, with room to spare */

	CLOCK_DRIFT_DIVISOR = 2500,  /* two crystals of 200 ppm each, running apart */
	DRIFT_DIVISOR = 100,         /* clocks may differ in rate by 1 %: far beyond any crystal */
	IDLE_TICK_US = 100000,       /* a quiet node still looks around ten times a second */
	OFFER_INTERVAL_US = 200000,  /* founding records, admissions and verdicts are repeated */
	HELLO_INTERVAL_US = 500000,  /* expected names are compared while a member is empty */
	CHANGE_INTERVAL_US = 100000, /* a membership change is asked for again this often */
	YIELD_INTERVAL_US = 300000,  /* a hand-over succeeds or is aborted sooner than this */
	YIELD_PATIENCE_US = 5000000, /* a cut this long is worth the pause of a hand-over */
	SLOW_DISK_US = 200000, /* behind the others' disks: more than any pause of a sound one */
	SLOW_DISK_PATIENCE_US = 2000000, /* one hiccup is not worth a hand-over */
	SLOW_DISK_TOLD_US = 60000000,    /* for operators to see, though somebody else leads */
	YIELD_LAG = 256,                 /* entries that a follower applies within a moment */
	GUESTS_MAX = 4,             /* strangers that are talked to at a time: joining is rare */
	GUEST_FORGET_US = 10000000, /* a stranger that went is forgotten, a restart takes less */
	VOTERS_FLOOR = 3,           /* fewer voters survive no failure */
	ORDER_TEXT_MAX = 768,       /* an answer to an operator: arithmetic and warnings */
	DISKS_LOST_US = 5000000,    /* a founding or an admission under way has long ended */
	DISAGREE_UNITS = 3,         /* promises: one ends, an election splits, one more */
	LATE_BEATS = 4,             /* a member silent for more beats is told as late */
	ROW_AGE_MAX_MS = 3600000,   /* ages on the wire saturate at one hour */
};

#endif
