#include "diagnose/finding.h"

const struct finding_row finding_rows[FINDING_COUNT] = {
#define FINDING(name, id, severity, why, what_to_do) \
	[FINDING_##name] = {#name, id, SEVERITY_##severity, why, what_to_do},
#include "tcpshim/findings.def"
#undef FINDING
};
