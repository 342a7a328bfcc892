/* The named limits of the simulator, each with its reason. */
#ifndef SIM_LIMITS_H
#define SIM_LIMITS_H

enum {
	SIM_VOTERS_MAX = 9,         /* the largest cluster that is promised */
	SIM_STANDBYS_MAX = 2,       /* one that comes while another one goes */
	SIM_NODES_MAX = 11,         /* both together */
	SIM_CLIENTS_MAX = 22,       /* two for each node */
	SIM_SESSIONS = 6,           /* few, so that clients meet in them */
	SIM_COPIES = 2,             /* old copies of a disk that are kept for restoring */
	SIM_PLAN_MAX = 64,          /* faults of one run: more tell nothing new */
	SIM_QUEUE_MAX = 8192,       /* packets waiting in one direction of a connection */
	SIM_OPS_MAX = 65536,        /* client operations of one run */
	SIM_INDEX_MAX = 1 << 20,    /* log entries of one run */
	SIM_TERMS_PER_INDEX = 8,    /* entries of different terms that competed for one place */
	SIM_FAILURE_MAX = 512,      /* text of a failed check */
	SIM_TURN_MIN_US = 5,        /* a loop's turn begins so long after what wakes it ... */
	SIM_TURN_MAX_US = 60,       /* ... at the earliest and at the latest */
	SIM_NET_TICK_US = 50000,    /* silence and dialling are looked at this often */
	SIM_SILENCE_US = 2000000,   /* member_silence_ms of the configuration table */
	SIM_CLIENT_GAP_US = 120000, /* longest pause of a client between two operations */
	SIM_EFFECTS_MAX = 64,       /* a crash "at any step" comes within so many effects */
	SIM_HEAL_US = 15000000,     /* after healing everything serves again within this ... */
	SIM_SERVING_US = 2000000,   /* for so long without a break, to count as healed */
	SIM_QUIET_US = 3000000,     /* ... and goes on serving for this, to be looked at */
	SIM_SETTLED_US = 8000000,   /* an undisturbed majority serves after this */
	SIM_PATIENCE_US = 7000000,  /* a client waits so long: longer than its request lasts */
	SIM_TERMS_MAX = 1 << 16,    /* terms of one run */
	SIM_LIN_STEPS = 4000000,    /* of the search for one world's history: a second or two */
	SIM_MARGINS = 128,          /* fence margins are counted in so many steps ... */
	SIM_MARGIN_US = 10000,      /* ... of this size: finer than what is promised */
	SIM_DRIFT_MAX_PPM = 4900,   /* two clocks within this differ by less than 1 % */
};

#endif
