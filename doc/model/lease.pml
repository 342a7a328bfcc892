/* Lease, promises, election with pre-vote, restart and leadership transfer: three voters.
 *
 * A node is its variables; a step is one atomic choice of one node, so that every message is
 * late for as long as the steps before it take. Time passes in ticks of all countdowns at once
 * (no skew; the code's allowance for drift is not modelled), and nobody is ever forced to act:
 * slow nodes, lost messages and partitions are steps that are not taken.
 *
 * Messages that are not messages here, and why nothing is lost by it:
 *  - a heartbeat arrives the moment it is sent: one that comes later only refuses votes longer;
 *  - a promise is in flight from the moment it is given, and its countdown runs meanwhile. The
 *    code counts from the beat's send time, which is earlier: its lease is only shorter;
 *  - a vote is counted when it is given, but its candidate leads at any later time;
 *  - a vote request of a candidacy that was given up is not delivered: its votes count nowhere.
 *
 * The invariants are assertions, by the names that the code's checkers use. -DNAME drops one
 * rule; tools/model.sh lists them all. -DHARM_ONLY waits for the harm that a broken promise
 * does. -DTERMS, -DRESTARTS and -DTRANSFERS bound the run. */
#ifndef TERMS
#define TERMS 3
#endif
#ifndef RESTARTS
#define RESTARTS 1
#endif
#ifndef TRANSFERS
#define TRANSFERS 1
#endif
#ifndef PROMISE
#define PROMISE 2 /* ticks: the election timeout, and the longest promise ever */
#endif

#define N      3
#define NOBODY 3

#define FOLLOWER   0
#define ASKING     1 /* candidate that asks for pre-votes */
#define CANDIDATE  2
#define LEADER     3

byte term[N];   /* on disk */
byte voted[N];  /* on disk: for whom in this term */
byte role[N];
byte leader[N]; /* whom a follower follows */
byte timer[N];  /* countdown of a follower: it refuses all votes until then */
byte mute[N];   /* countdown after a restart: promises that it may have forgotten */
bit ready[N];   /* has the pre-vote of another one */
bit flag[N];    /* its vote requests say "the leader told me to"; repeated, as libraft does */
byte votes[N];  /* votes for a candidate besides its own */

byte flying[N * N]; /* [to * N + from] promise in flight, counting down */
byte flying_term[N * N];
byte held[N * N];   /* [leader * N + follower] promise that the lease counts on */
bit released[N];    /* this leader gave its lease up for the rest of its term */

byte hand_term;    /* the transfer: in which term, from whom, to whom */
byte hand_from = NOBODY;
byte hand_to = NOBODY;
bit hand_now;      /* TimeoutNow is on its way */
byte grant_term[N]; /* the hand-over that was announced to this node */
byte grant_to[N];

byte restarts;
byte owed[N];          /* what was promised and not given back by a hand-over; no node reads it */
byte led[TERMS + 1];   /* who was elected in each term, plus one */
byte newest;           /* the highest term that had a leader */

#define PAIR(to, from) ((to) * N + (from))
#define OTHER(k)       ((me + (k)) % N)

#define HAS_LEADER(i) (role[i] == LEADER || (role[i] == FOLLOWER && leader[i] != NOBODY))

#ifdef STEPPED_DOWN_KEEPS_LEASE
#define MAY_HOLD(i) 1
#else
#define MAY_HOLD(i) (role[i] == LEADER)
#endif

/* A majority of three: the leader and one follower. */
#define LEASE(i) (MAY_HOLD(i) && !released[i] && \
	(held[PAIR(i, (i + 1) % N)] > 0 || held[PAIR(i, (i + 2) % N)] > 0))

#ifdef PROMISE_NOT_KEPT
#define REFUSES(i, candidate) (role[i] == LEADER)
#else
#define REFUSES(i, candidate) (HAS_LEADER(i) && !MAY_DISRUPT(i, candidate))
#endif

#define ANNOUNCED(i, candidate) (grant_to[i] == candidate && grant_term[i] + 1 == term[candidate])

#ifdef FLAG_TRUSTED
#define MAY_DISRUPT(i, candidate) (flag[candidate])
#else
#define MAY_DISRUPT(i, candidate) (flag[candidate] && ANNOUNCED(i, candidate))
#endif

#ifdef PROMISE_TO_ANYBODY
#define PROMISES_TO(i, asker) (leader[i] != NOBODY)
#define SAME_TERM(t, me) 1
#else
#define PROMISES_TO(i, asker) (leader[i] == asker)
#define SAME_TERM(t, me) (t == term[me])
#endif

#ifdef LATE_VOTE_RESULT_BELIEVED
#define HEARS_TERMS(i) 1
#else
#define HEARS_TERMS(i) (role[i] != FOLLOWER || leader[i] == NOBODY)
#endif

inline follow(i, whom)
{
	role[i] = FOLLOWER;
	leader[i] = whom;
	timer[i] = 0;
	ready[i] = 0;
	votes[i] = 0;
#ifndef STEPPED_DOWN_KEEPS_LEASE
	released[i] = 0;
	held[PAIR(i, (i + 1) % N)] = 0;
	held[PAIR(i, (i + 2) % N)] = 0;
#endif
}

inline enter_term(i, t)
{
	if
	:: term[i] < t -> term[i] = t; voted[i] = NOBODY
	:: else
	fi
}

inline stand(i)
{
	term[i]++;
	voted[i] = i;
	role[i] = CANDIDATE;
	leader[i] = NOBODY;
	timer[i] = 0;
	ready[i] = 0;
	votes[i] = 0
}

inline heartbeat(i, to)
{
	d_step {
		role[i] == LEADER && term[to] <= term[i] && role[to] != LEADER ||
		role[i] == LEADER && term[to] < term[i] ->
		enter_term(to, term[i]);
		follow(to, i);
		timer[to] = PROMISE
	}
}

/* The follower answers a beat with what its timer says; not after an announced hand-over. */
inline promise(i, from)
{
	d_step {
		role[i] == LEADER && role[from] == FOLLOWER && PROMISES_TO(from, i) &&
		timer[from] > 0 && grant_term[from] != term[from] ->
		flying[PAIR(i, from)] = timer[from];
		flying_term[PAIR(i, from)] = term[from];
		if
		:: owed[from] < timer[from] -> owed[from] = timer[from]
		:: else
		fi
	}
}

inline take_promise(i, from)
{
	d_step {
		role[i] == LEADER && flying[PAIR(i, from)] > 0 &&
		SAME_TERM(flying_term[PAIR(i, from)], i) ->
		if
		:: held[PAIR(i, from)] < flying[PAIR(i, from)] ->
			held[PAIR(i, from)] = flying[PAIR(i, from)]
		:: else
		fi
		flying[PAIR(i, from)] = 0;
		flying_term[PAIR(i, from)] = 0;
		assert(/* lease */ !LEASE(i) || newest == term[i])
	}
}

inline pre_vote(i, by)
{
	d_step {
		role[i] == ASKING && !ready[i] && mute[i] == 0 && mute[by] == 0 &&
		!HAS_LEADER(by) && term[by] <= term[i] + 1 ->
		ready[i] = 1
	}
}

inline vote(i, by)
{
	d_step {
		role[i] == CANDIDATE && mute[i] == 0 && mute[by] == 0 && !REFUSES(by, i) &&
		(term[by] < term[i] || (term[by] == term[i] && voted[by] == NOBODY)) ->
#ifndef HARM_ONLY
		assert(/* promise */ owed[by] == 0);
#endif
		enter_term(by, term[i]);
		follow(by, NOBODY);
		voted[by] = i;
		votes[i]++
	}
}

/* A majority of three. */
inline win(i)
{
	d_step {
		role[i] == CANDIDATE && votes[i] > 0 ->
		assert(/* one-leader */ led[term[i]] == 0);
		/* The old lease ends before anybody else is elected. (Votes that came too late, in
		 * a term that is over by now, make a leader that is none.) */
		assert(/* lease */ newest > term[i] ||
		       (!LEASE((i + 1) % N) && !LEASE((i + 2) % N)));
		led[term[i]] = i + 1;
		if
		:: newest < term[i] -> newest = term[i]
		:: else
		fi
		follow(i, NOBODY);
		role[i] = LEADER;
		flag[i] = 0
	}
}

/* Results from a later term: a leader or candidate steps back, and votes at once. */
inline hear_term(i, from)
{
	d_step {
		HEARS_TERMS(i) && term[i] < term[from] ->
		enter_term(i, term[from]);
		follow(i, NOBODY)
	}
}

inline restart(i)
{
	d_step {
		restarts < RESTARTS ->
		restarts++;
		follow(i, NOBODY);
		released[i] = 0;
		held[PAIR(i, (i + 1) % N)] = 0;
		held[PAIR(i, (i + 2) % N)] = 0;
		flag[i] = 0;
		grant_term[i] = 0;
		grant_to[i] = NOBODY;
#ifndef RESTARTED_VOTES
		mute[i] = PROMISE
#endif
	}
}

/* The lease first, then the announcements, then TimeoutNow. */
inline hand_over(i, to)
{
	d_step {
		TRANSFERS > 0 && role[i] == LEADER && hand_from == NOBODY && term[i] < TERMS ->
#ifndef TRANSFER_KEEPS_LEASE
		released[i] = 1;
#endif
		hand_term = term[i];
		hand_from = i;
		hand_to = to;
		hand_now = 1;
		grant_term[i] = term[i];
		grant_to[i] = to
	}
}

/* Only from its own leader of this term. */
inline hear_hand_over(i)
{
	d_step {
		hand_from != NOBODY && role[i] == FOLLOWER && leader[i] == hand_from &&
		term[i] == hand_term && grant_term[i] != hand_term ->
		grant_term[i] = hand_term;
		grant_to[i] = hand_to;
		owed[i] = 0
	}
}

inline timeout_now(i)
{
	d_step {
		hand_now && hand_to == i && role[i] == FOLLOWER && leader[i] == hand_from &&
		term[i] == hand_term && mute[i] == 0 && term[i] < TERMS ->
		hand_now = 0;
		owed[i] = 0;
		stand(i);
		flag[i] = 1
	}
}

proctype node(byte me)
{
	do
	:: heartbeat(me, OTHER(1))
	:: heartbeat(me, OTHER(2))
	:: promise(me, OTHER(1))
	:: promise(me, OTHER(2))
	:: take_promise(me, OTHER(1))
	:: take_promise(me, OTHER(2))
	/* The own timer has run out, or there is no leader to wait for. */
	:: d_step { role[me] == FOLLOWER && (leader[me] == NOBODY || timer[me] == 0) ->
		follow(me, NOBODY);
		role[me] = ASKING }
	:: pre_vote(me, OTHER(1))
	:: pre_vote(me, OTHER(2))
	:: d_step { role[me] == ASKING && ready[me] && mute[me] == 0 && term[me] < TERMS ->
		stand(me) }
	:: vote(me, OTHER(1))
	:: vote(me, OTHER(2))
	:: win(me)
	:: d_step { role[me] == CANDIDATE -> /* not elected: asks again */
		follow(me, NOBODY);
		role[me] = ASKING }
	:: hear_term(me, OTHER(1))
	:: hear_term(me, OTHER(2))
	:: restart(me)
	:: hand_over(me, OTHER(1))
	:: hand_over(me, OTHER(2))
	:: hear_hand_over(me)
	:: timeout_now(me)
#ifdef RELEASE_TAKEN_BACK
	:: d_step { role[me] == LEADER && released[me] -> released[me] = 0 }
#endif
#ifdef TIMER_SHORTENED
	:: d_step { role[me] == FOLLOWER && timer[me] > 0 -> timer[me]-- }
#endif
	od
}

inline count_down(countdown)
{
	if
	:: countdown > 0 -> countdown--
	:: else
	fi
}

proctype clock()
{
	byte k;

	do
	:: d_step {
		k = 0;
		do
		:: k < N ->
			count_down(timer[k]);
			count_down(mute[k]);
			count_down(owed[k]);
			k++
		:: else -> break
		od;
		k = 0;
		do
		:: k < N * N ->
			count_down(held[k]);
#ifndef LEASE_FROM_ARRIVAL
			count_down(flying[k]);
			if
			:: flying[k] == 0 -> flying_term[k] = 0
			:: else
			fi;
#endif
			k++
		:: else -> break
		od;
		k = 0
	}
	od
}

/* Begins with a leader of term 1 that nobody has promised anything yet: the nodes are alike,
 * so it may as well be the first. */
init
{
	byte k;

	atomic {
		do
		:: k < N ->
			term[k] = 1;
			voted[k] = 0;
			leader[k] = NOBODY;
			grant_to[k] = NOBODY;
			k++
		:: else -> break
		od;
		role[0] = LEADER;
		led[1] = 1;
		newest = 1;
		k = 0;
		run node(0);
		run node(1);
		run node(2);
		run clock()
	}
}
