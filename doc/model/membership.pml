/* Election, a log, an empty disk readmitted as a new incarnation, and changes of one member at
 * a time: three voters 0, 1, 2; and 3, which is what 2 comes back as when its disk is lost.
 *
 * A node is its term, its vote and its log; there is no time here (lease.pml has it). A log is a
 * few entries, each with its term and the configuration from there on: all entries are
 * changes, as other ones need no rules of their own. Steps are atomic and may be late for ever;
 * a vote is counted when it is given, its candidate leads at any later time. A leader's log
 * comes over one entry at a time, from any point in time on: of two messages the older one
 * has less, and changes nothing.
 *
 * Left out: learners (they neither vote nor count; the new incarnation catches up before it is
 * voted in or after), and that a leader has an entry of its own term committed before it
 * changes the members. That rule matters from four voters up; without it more can happen here.
 *
 * -DNAME drops one rule; tools/model.sh lists them all. -DTERMS, -DENTRIES bound the run. */
#ifndef TERMS
#define TERMS 4
#endif
#ifndef ENTRIES
#define ENTRIES 5
#endif

#define N      4
#define NOBODY 4

#define FOLLOWER  0
#define CANDIDATE 1
#define LEADER    2

#define BIT(i) (1 << (i))
#define HAS(set, i) (((set) >> (i)) & 1)
#define COUNT(set) (HAS(set, 0) + HAS(set, 1) + HAS(set, 2) + HAS(set, 3))
#define MAJORITY_OF(some, all) (2 * COUNT((some) & (all)) > COUNT(all))

byte term[N];  /* on disk */
byte voted[N]; /* on disk */
byte role[N];
byte votes[N];  /* set of those who voted for a candidate, itself included */
byte stored[N]; /* entries in the log, on disk */
byte entry_term[N * ENTRIES];
byte entry_conf[N * ENTRIES]; /* set of voters */
byte commit[N]; /* entries that a node knows to be committed */
byte alive;     /* set of nodes that there are */

byte led[TERMS + 1]; /* who was elected in each term, plus one */
byte safe;           /* entries that were ever committed, and what they were */
byte safe_term[ENTRIES];
byte safe_conf[ENTRIES];
byte safe_since[ENTRIES]; /* the term in which they were */
byte k;              /* of loops within a step; 0 between steps */
byte acks;

#define AT(i, at)    ((i) * ENTRIES + (at))
#define LAST_TERM(i) entry_term[AT(i, stored[i] - 1)]

/* The newest configuration in the log, committed or not. */
#define NEWEST(i) entry_conf[AT(i, stored[i] - 1)]

#ifdef OLD_CONFIGURATION_COUNTS
#define CONF(i) entry_conf[AT(i, commit[i] - 1)]
#else
#define CONF(i) NEWEST(i)
#endif

/* One at a time: the one before is committed, and it differs by one member. */
#ifdef CHANGES_OVERLAP
#define MAY_CHANGE(i) 1
#else
#define MAY_CHANGE(i) (commit[i] == stored[i])
#endif

#define UP_TO_DATE(i, than) (stored[than] == 0 || (stored[i] > 0 && \
	(LAST_TERM(i) > LAST_TERM(than) || \
	 (LAST_TERM(i) == LAST_TERM(than) && stored[i] >= stored[than]))))

inline stand(i)
{
	d_step {
		HAS(alive, i) && role[i] != LEADER && stored[i] > 0 && HAS(CONF(i), i) &&
		term[i] < TERMS ->
		term[i]++;
		voted[i] = i;
		votes[i] = BIT(i);
		role[i] = CANDIDATE
	}
}

inline vote(i, by)
{
	d_step {
		HAS(alive, i) && HAS(alive, by) && role[i] == CANDIDATE && UP_TO_DATE(i, by) &&
		HAS(CONF(i), by) &&
		(term[by] < term[i] || (term[by] == term[i] && voted[by] == NOBODY)) ->
		term[by] = term[i];
		voted[by] = i;
		role[by] = FOLLOWER;
		votes[by] = 0;
		votes[i] = votes[i] | BIT(by)
	}
}

inline win(i)
{
	d_step {
		HAS(alive, i) && role[i] == CANDIDATE && MAJORITY_OF(votes[i], CONF(i)) ->
		assert(/* one-leader */ led[term[i]] == 0);
		led[term[i]] = i + 1;
		role[i] = LEADER;
		votes[i] = 0;
		/* What was committed is in the log of every later leader. */
		k = 0;
		do
		:: k < safe && safe_since[k] > term[i] -> k++ /* elected then, in the lead only now */
		:: k < safe && safe_since[k] <= term[i] ->
			assert(/* completeness */ stored[i] > k &&
			       entry_term[AT(i, k)] == safe_term[k] &&
			       entry_conf[AT(i, k)] == safe_conf[k]);
			k++
		:: else -> break
		od;
		k = 0
	}
}

/* The follower's log agrees up to some entry; the next one comes over, the rest goes. */
inline append(i, to)
{
	d_step {
		HAS(alive, i) && HAS(alive, to) && role[i] == LEADER && term[to] <= term[i] &&
		HAS(NEWEST(i) | CONF(i), to) ->
		assert(/* one-leader */ term[to] < term[i] || role[to] != LEADER);
		if
		:: term[to] < term[i] -> term[to] = term[i]; voted[to] = NOBODY
		:: else
		fi
		role[to] = FOLLOWER;
		votes[to] = 0;
		k = 0;
		do
		:: k < stored[i] && k < stored[to] &&
		   entry_term[AT(i, k)] == entry_term[AT(to, k)] -> k++
		:: else -> break
		od;
		if
		:: k < stored[i] ->
			entry_term[AT(to, k)] = entry_term[AT(i, k)];
			entry_conf[AT(to, k)] = entry_conf[AT(i, k)];
			stored[to] = k + 1;
			k++;
			do
			:: k < ENTRIES ->
				entry_term[AT(to, k)] = 0;
				entry_conf[AT(to, k)] = 0;
				k++
			:: else -> break
			od
		:: else ->
			if
			:: commit[to] < commit[i] -> commit[to] = commit[i]
			:: else
			fi
		fi
		k = 0
	}
}

inline count_ack(i, by)
{
	if
	:: HAS(alive, by) && stored[by] >= stored[i] && LAST_TERM(i) == entry_term[AT(by, stored[i] - 1)] ->
		acks = acks | BIT(by)
	:: else
	fi
}

/* Only an entry of its own term is counted, over the configuration that it brings. */
inline advance(i)
{
	d_step {
		HAS(alive, i) && role[i] == LEADER && commit[i] < stored[i] &&
		LAST_TERM(i) == term[i] ->
		acks = 0;
		count_ack(i, 0);
		count_ack(i, 1);
		count_ack(i, 2);
		count_ack(i, 3);
		if
		:: MAJORITY_OF(acks, CONF(i)) ->
			commit[i] = stored[i];
			k = 0;
			do
			:: k < stored[i] ->
				assert(/* state-machine */ k >= safe ||
				       (safe_term[k] == entry_term[AT(i, k)] &&
					safe_conf[k] == entry_conf[AT(i, k)]));
				safe_term[k] = entry_term[AT(i, k)];
				safe_conf[k] = entry_conf[AT(i, k)];
				if
				:: k >= safe || safe_since[k] > term[i] -> safe_since[k] = term[i]
				:: else
				fi
				k++
			:: else -> break
			od;
			if
			:: safe < stored[i] -> safe = stored[i]
			:: else
			fi
		:: else
		fi
		k = 0;
		acks = 0
	}
}

inline change(i, conf)
{
	entry_term[AT(i, stored[i])] = term[i];
	entry_conf[AT(i, stored[i])] = conf;
	stored[i]++
}

#define LEADS(i) (HAS(alive, i) && role[i] == LEADER && stored[i] < ENTRIES && MAY_CHANGE(i))

inline remove(i, whom)
{
	d_step {
		LEADS(i) && HAS(NEWEST(i), whom) && i != whom ->
		change(i, NEWEST(i) & ~BIT(whom))
	}
}

/* The new incarnation, beside the lost one or after it was removed: either may come first. */
inline readmit(i)
{
	d_step {
		LEADS(i) && HAS(alive, 3) && !HAS(NEWEST(i), 3) ->
		change(i, NEWEST(i) | BIT(3))
	}
}

inline forget(i)
{
	term[i] = 0;
	voted[i] = NOBODY;
	role[i] = FOLLOWER;
	votes[i] = 0;
	stored[i] = 0;
	commit[i] = 0;
	k = 0;
	do
	:: k < ENTRIES ->
		entry_term[AT(i, k)] = 0;
		entry_conf[AT(i, k)] = 0;
		k++
	:: else -> break
	od;
	k = 0
}

/* Node 2 loses its disk. It comes back under another identity, which nobody counts yet. */
inline lose_disk()
{
	d_step {
		HAS(alive, 2) && !HAS(alive, 3) ->
		forget(2);
#ifdef EMPTY_DISK_KEEPS_ITS_NAME
		alive = alive | BIT(3); /* once is enough */
#else
		alive = BIT(0) | BIT(1) | BIT(3)
#endif
	}
}

proctype node(byte me)
{
	do
	:: stand(me)
	:: vote(me, (me + 1) % N)
	:: vote(me, (me + 2) % N)
	:: vote(me, (me + 3) % N)
	:: win(me)
	:: append(me, (me + 1) % N)
	:: append(me, (me + 2) % N)
	:: append(me, (me + 3) % N)
	:: advance(me)
	:: remove(me, 0)
	:: remove(me, 1)
	:: remove(me, 2)
	:: remove(me, 3)
	:: readmit(me)
#ifdef TWO_MEMBERS_AT_ONCE
	:: d_step { LEADS(me) -> change(me, BIT(me)) }
#endif
	od
}

/* Begins after the founding: one committed entry, the same on all disks. */
init
{
	atomic {
		do
		:: k < N ->
			voted[k] = NOBODY;
			if
			:: k < 3 ->
				stored[k] = 1;
				commit[k] = 1;
				entry_conf[AT(k, 0)] = BIT(0) | BIT(1) | BIT(2)
			:: else
			fi
			k++
		:: else -> break
		od;
		k = 0;
		safe = 1;
		safe_conf[0] = BIT(0) | BIT(1) | BIT(2);
		alive = BIT(0) | BIT(1) | BIT(2);
		run node(0);
		run node(1);
		run node(2);
		run node(3)
	}
	lose_disk()
}
