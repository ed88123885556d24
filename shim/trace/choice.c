#include "trace/choice.h"

#include "guest/alarm.h"
#include "guest/process.h"
#include "settings/rehearsal.h"
#include "sys/restriction.h"

enum { PEERS = 64 };

static _Atomic uint32_t opened, accepted, made;

static struct {
	_Atomic uint64_t key;      /* 0: free */
	_Atomic uint64_t until_ns; /* UINT64_MAX: to the end */
} peers[PEERS];

/* Returns a number for the address and port, never 0 (FNV-1a). */
static uint64_t key_of(const struct tcpshim_address *peer)
{
	uint64_t key = UINT64_C(0xcbf29ce484222325) ^ peer->port;

	for (unsigned i = 0; i < sizeof(peer->bytes); i++)
		key = (key ^ peer->bytes[i]) * UINT64_C(0x100000001b3);
	return key | 1;
}

uint64_t choice_failed_until_ns(const struct tcpshim_address *peer)
{
	uint64_t key = key_of(peer);

	for (unsigned i = 0; i < PEERS; i++)
		if (atomic_load(&peers[i].key) == key)
			return atomic_load(&peers[i].until_ns);
	return 0;
}

void choice_fail_peer(const struct tcpshim_address *peer, uint64_t until_ns)
{
	uint64_t key = key_of(peer);

	for (unsigned i = 0; i < PEERS; i++) {
		uint64_t found = 0;

		if (atomic_load(&peers[i].key) == key ||
		    atomic_compare_exchange_strong(&peers[i].key, &found, key) || found == key) {
			atomic_store(&peers[i].until_ns, until_ns);
			return;
		}
	}
}

bool choice_is_selected(const struct conn *conn)
{
	return conn->kind == CONN_KIND_TCP && atomic_load(&conn->match) == MATCH_YES &&
	       !restriction_is_filter();
}

static bool is_chosen(const struct conn *conn, uint8_t role, uint32_t number, bool is_peer_failed)
{
	const struct rehearsal_candidate candidate = {
		.role = role,
		.number = number,
		.accepted = atomic_load(&accepted) + (role == ROLE_SERVER),
		.made = atomic_load(&made) + (role == ROLE_CLIENT),
		.is_peer_failed = is_peer_failed,
	};

	return choice_is_selected(conn) && rehearsal_chooses(&config.rehearsal, &candidate);
}

void choice_opened(struct conn *conn)
{
	uint8_t expected = REHEARSAL_STAGE_NONE, role = atomic_load(&conn->role);
	uint64_t due_ns;

	if (atomic_load(&conn->rehearsal.stage) != REHEARSAL_STAGE_NONE ||
	    !process_is_itself() || /* the child of a vfork decides nothing for its parent */
	    rehearsal_scenario(&config.rehearsal)->place != REHEARSAL_OPEN ||
	    !atomic_compare_exchange_strong(&conn->rehearsal.stage, &expected,
					    is_chosen(conn, role, atomic_load(&opened) + 1,
						      choice_failed_until_ns(&conn->peer) != 0)
						    ? REHEARSAL_STAGE_CHOSEN
						    : REHEARSAL_STAGE_SPARED))
		return;
	atomic_fetch_add(&opened, 1);
	atomic_fetch_add(role == ROLE_SERVER ? &accepted : &made, 1);
	due_ns = rehearsal_due_ns(&config.rehearsal, atomic_load(&conn->opened_ns),
				  atomic_load(&conn->active_ns));
	if (atomic_load(&conn->rehearsal.stage) == REHEARSAL_STAGE_CHOSEN)
		alarm_set(due_ns);
}

bool choice_of_connect(const struct conn *conn)
{
	bool is_it = is_chosen(conn, ROLE_CLIENT, atomic_fetch_add(&opened, 1) + 1, false);

	atomic_fetch_add(&made, 1);
	return is_it;
}
