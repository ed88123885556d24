#include "settings/selection.h"

#include "format/facts.h"

bool selection_add(bool *selected, struct word word, bool is_selected)
{
	bool is_group = word.size > 0 && word.text[0] == '%', is_found = false;
	struct word name = {word.text + is_group, word.size - is_group};

	if (!is_group && (word_is(name, "all") || word_is(name, "none"))) {
		for (unsigned call = 0; call < CALL_COUNT; call++)
			selected[call] = is_selected == word_is(name, "all");
		return true;
	}
	for (unsigned call = 0; call < CALL_COUNT; call++) {
		if (!word_is(name, is_group ? call_rows[call].group : call_rows[call].shown))
			continue;
		selected[call] = is_selected;
		is_found = true;
	}
	return is_found;
}
