#include "settings/rehearsal.h"

#include "format/words.h"
#include "settings/spread.h"

enum { MOST_NUMBER = 1000000, DEFAULT_RATE = 16 << 10, DEFAULT_OUTAGE_S = 10 };
#define NS_PER_S UINT64_C(1000000000)

const struct scenario_row scenario_rows[SCENARIO_COUNT] = {
#define SCENARIO(name, word, place, deed, sequel, later, meaning) \
	[SCENARIO_##name] = {word,                                \
			     meaning,                             \
			     REHEARSAL_##place,                   \
			     REHEARSAL_##deed,                    \
			     REHEARSAL_##sequel,                  \
			     REHEARSAL_##later},
#include "tcpshim/scenarios.def"
#undef SCENARIO
};

static bool read_count(struct word word, uint32_t most, uint32_t *count)
{
	uint64_t number;

	if (!word_number(word, &number) || number == 0 || number > most)
		return false;
	*count = (uint32_t)number;
	return true;
}

static bool read_share(struct rehearsal *rehearsal, struct word word)
{
	if (word.size == 0 || word.text[word.size - 1] != '%')
		return false;
	word.size--;
	return read_count(word, 100, &rehearsal->share);
}

/* Reads write:3 and so on. */
static bool read_place(struct rehearsal *rehearsal, struct word word)
{
	static const struct {
		const char *word;
		enum rehearsal_trigger trigger;
	} places[] = {
		{"write", REHEARSAL_AT_WRITE},
		{"read", REHEARSAL_AT_READ},
		{"accept", REHEARSAL_AT_ACCEPT},
		{"connect", REHEARSAL_AT_CONNECT},
	};
	struct word number;

	if (!word_cut(&word, ':', &number) || !read_count(number, MOST_NUMBER, &rehearsal->number))
		return false;
	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (word_is(word, places[i].word)) {
			rehearsal->trigger = (uint8_t)places[i].trigger;
			return true;
		}
	}
	return false;
}

static bool read_delay(struct rehearsal *rehearsal, struct word word,
		       enum rehearsal_trigger trigger)
{
	rehearsal->trigger = (uint8_t)trigger;
	return word_duration(word, &rehearsal->delay_ns);
}

static bool read_means(struct rehearsal *rehearsal, struct word word)
{
	rehearsal->means = word_is(word, "md5") ? REHEARSAL_BY_MD5 : REHEARSAL_BY_DEAF;
	return word_is(word, "md5") || word_is(word, "deaf");
}

/* What was read so far, so that nothing is given twice. */
enum { HAS_TRIGGER = 1, HAS_LENGTH = 2, HAS_CHOICE = 4, HAS_SEED = 8, HAS_RATE = 16, HAS_BY = 32 };

static bool read_after(struct rehearsal *rehearsal, struct word value)
{
	return read_delay(rehearsal, value, REHEARSAL_AFTER);
}

static bool read_idle(struct rehearsal *rehearsal, struct word value)
{
	return read_delay(rehearsal, value, REHEARSAL_IDLE);
}

static bool read_for(struct rehearsal *rehearsal, struct word value)
{
	return word_duration(value, &rehearsal->length_ns) && rehearsal->length_ns != 0;
}

static bool read_every(struct rehearsal *rehearsal, struct word value)
{
	return read_count(value, MOST_NUMBER, &rehearsal->every);
}

static bool read_seed(struct rehearsal *rehearsal, struct word value)
{
	return word_number(value, &rehearsal->seed);
}

static bool read_rate(struct rehearsal *rehearsal, struct word value)
{
	return word_bytes(value, &rehearsal->rate) && rehearsal->rate != 0 &&
	       rehearsal->rate <= UINT32_MAX - 1;
}

static const struct {
	const char *word;
	unsigned bit;
	bool (*read)(struct rehearsal *rehearsal, struct word value);
} settings[] = {
	{"after", HAS_TRIGGER, read_after}, {"idle", HAS_TRIGGER, read_idle},
	{"at", HAS_TRIGGER, read_place},    {"for", HAS_LENGTH, read_for},
	{"every", HAS_CHOICE, read_every},  {"share", HAS_CHOICE, read_share},
	{"seed", HAS_SEED, read_seed},      {"rate", HAS_RATE, read_rate},
	{"by", HAS_BY, read_means},
};

/* Reads KEY=VALUE. Returns its bit, 0 if it is not understood. */
static unsigned read_setting(struct rehearsal *rehearsal, struct word key)
{
	struct word value;

	if (!word_cut(&key, '=', &value))
		return 0;
	for (unsigned i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (word_is(key, settings[i].word))
			return settings[i].read(rehearsal, value) ? settings[i].bit : 0;
	return 0;
}

/* Returns whether what was given makes sense together, and with the scenario. */
static bool fits(const struct rehearsal *rehearsal, unsigned given)
{
	const struct scenario_row *row = rehearsal_scenario(rehearsal);
	bool is_connect = row->place == REHEARSAL_CONNECT;

	if (is_connect && (given & HAS_TRIGGER) && rehearsal->trigger != REHEARSAL_AFTER &&
	    rehearsal->trigger != REHEARSAL_AT_CONNECT)
		return false;
	/* What is over cannot be taken back. */
	if ((given & HAS_LENGTH) &&
	    !(is_connect || row->deed == REHEARSAL_SLOW ||
	      (row->deed == REHEARSAL_CUT && row->sequel == REHEARSAL_NOTHING)))
		return false;
	if ((given & HAS_SEED) && rehearsal->share == 0)
		return false;
	if ((given & HAS_RATE) && row->deed != REHEARSAL_SLOW)
		return false;
	return !(given & HAS_BY) || rehearsal_has_cut(row);
}

static bool read_scenario(struct rehearsal *rehearsal, struct word word)
{
	for (unsigned i = 0; i < SCENARIO_COUNT; i++) {
		if (word_is(word, scenario_rows[i].word)) {
			rehearsal->scenario = (uint8_t)i;
			return true;
		}
	}
	return false;
}

bool rehearsal_read(struct rehearsal *rehearsal, const char *value)
{
	struct rehearsal read = {.is_on = true};
	unsigned given = 0;
	struct word word;

	if (!word_next(&value, ',', &word))
		return false;
	if (word_is(word, "off") && !value) {
		*rehearsal = (struct rehearsal){0};
		return true;
	}
	if (!read_scenario(&read, word))
		return false;
	while (word_next(&value, ',', &word)) {
		unsigned setting = read_setting(&read, word);

		if (setting == 0 || (given & setting))
			return false;
		given |= setting;
	}
	if (!fits(&read, given))
		return false;
	read.has_choice = given & HAS_CHOICE;
	if (read.scenario == SCENARIO_outage && read.length_ns == 0)
		read.length_ns = DEFAULT_OUTAGE_S * NS_PER_S;
	if (read.rate == 0)
		read.rate = DEFAULT_RATE;
	*rehearsal = read;
	return true;
}

bool rehearsal_chooses(const struct rehearsal *rehearsal,
		       const struct rehearsal_candidate *candidate)
{
	if (rehearsal->trigger == REHEARSAL_AT_ACCEPT &&
	    (candidate->role != ROLE_SERVER || candidate->accepted != rehearsal->number))
		return false;
	if (rehearsal->trigger == REHEARSAL_AT_CONNECT &&
	    (candidate->role != ROLE_CLIENT || candidate->made != rehearsal->number))
		return false;
	if (rehearsal->every != 0)
		return candidate->number % rehearsal->every == 0;
	if (rehearsal->share != 0)
		return spread(spread(rehearsal->seed) ^ candidate->number) % 100 < rehearsal->share;
	return !candidate->is_peer_failed;
}

static uint64_t later(uint64_t from_ns, uint64_t delay_ns)
{
	return delay_ns < UINT64_MAX - from_ns ? from_ns + delay_ns : UINT64_MAX;
}

uint64_t rehearsal_due_ns(const struct rehearsal *rehearsal, uint64_t opened_ns, uint64_t active_ns)
{
	switch (rehearsal->trigger) {
	case REHEARSAL_AFTER:
		return later(opened_ns, rehearsal->delay_ns);
	case REHEARSAL_IDLE:
		return later(active_ns, rehearsal->delay_ns);
	case REHEARSAL_AT_WRITE:
	case REHEARSAL_AT_READ:
		return UINT64_MAX;
	default:
		return opened_ns;
	}
}

bool rehearsal_is_due_at(const struct rehearsal *rehearsal, bool is_write, uint32_t calls_before)
{
	return rehearsal->trigger == (is_write ? REHEARSAL_AT_WRITE : REHEARSAL_AT_READ) &&
	       calls_before + 1 >= rehearsal->number;
}

uint64_t rehearsal_end_ns(const struct rehearsal *rehearsal, uint64_t start_ns)
{
	return rehearsal->length_ns == 0 ? UINT64_MAX : later(start_ns, rehearsal->length_ns);
}

uint64_t rehearsal_connects_ns(const struct rehearsal *rehearsal, uint64_t base_ns)
{
	return later(base_ns, rehearsal->trigger == REHEARSAL_AFTER ? rehearsal->delay_ns : 0);
}

bool rehearsal_is_time(const struct rehearsal *rehearsal, uint64_t base_ns, uint64_t now_ns)
{
	uint64_t start_ns = rehearsal_connects_ns(rehearsal, base_ns);

	return now_ns >= start_ns &&
	       (rehearsal->length_ns == 0 || now_ns - start_ns < rehearsal->length_ns);
}
