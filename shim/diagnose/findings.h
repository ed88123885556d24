/*
 * findings: one function per row of findings.def: returns whether the group has this, and fills the
 * finding.
 */
#ifndef DIAGNOSE_FINDINGS_H
#define DIAGNOSE_FINDINGS_H

#include "diagnose/finding.h"

#define FINDING(name, ...) bool find_##name(const struct group *group, struct finding *finding);
#include "tcpshim/findings.def"
#undef FINDING

#endif
