#include "conn/predicates.h"

#include "conn/predicate.h"

bool (*const predicates[NOTE_COUNT])(const struct evidence *) = {
#define NOTE(name, ...) [NOTE_##name] = is_##name,
#include "tcpshim/notes.def"
#undef NOTE
};
