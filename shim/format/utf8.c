#include "format/utf8.h"

bool utf8_begin(struct utf8_sequence *sequence, uint8_t first)
{
	*sequence = (struct utf8_sequence){.least = 0x80, .most = 0xbf};
	if (first < 0x80)
		return true;
	if (first < 0xc2 || first > 0xf4)
		return false;
	sequence->more = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
	if (first == 0xe0)
		sequence->least = 0xa0;
	else if (first == 0xf0)
		sequence->least = 0x90;
	else if (first == 0xed)
		sequence->most = 0x9f;
	else if (first == 0xf4)
		sequence->most = 0x8f;
	return true;
}

size_t utf8_size(const uint8_t *text, size_t size)
{
	struct utf8_sequence sequence;

	if (!utf8_begin(&sequence, text[0]) || sequence.more >= size)
		return 0;
	for (unsigned i = 1; i <= sequence.more; i++) {
		if (text[i] < sequence.least || text[i] > sequence.most)
			return 0;
		sequence.least = 0x80;
		sequence.most = 0xbf;
	}
	return sequence.more + 1;
}
