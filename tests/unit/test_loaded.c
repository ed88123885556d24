#include "unit.h"

#include <dlfcn.h>
#include <elf.h>
#include <sys/auxv.h>

#include "sys/image.h"
#include "sys/loaded.h"

/* What the library looks up, and names that have several versions or are indirect functions. */
static const char *const names[] = {
#define CALL(symbol, ...) #symbol,
#include "tcpshim/calls.def"
#undef CALL
	"memcpy",
	"strlen",
	"realpath",
	"fclose",
	"regexec",
	"sched_getaffinity",
	"pthread_cond_wait",
	"pthread_atfork",
	"__libc_single_threaded",
	"gnu_get_libc_version",
	"_IO_2_1_stdin_",
	"cmocka_set_test_filter",
	"no_such_name",
	"",
};

static void test_next_is_what_dlsym_finds(void **state)
{
	unsigned found = 0;

	(void)state;
	for (unsigned i = 0; i < COUNT(names); i++) {
		void *next = loaded_find_next(names[i]);

		if (next != dlsym(RTLD_NEXT, names[i]))
			fail_msg("%s: %p, dlsym finds %p", names[i], next,
				 dlsym(RTLD_NEXT, names[i]));
		found += next != NULL;
	}
	assert_true(found > COUNT(names) / 2);
}

static void test_first_is_what_dlsym_finds(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(names); i++)
		if (loaded_find(names[i]) != dlsym(RTLD_DEFAULT, names[i]))
			fail_msg("%s: %p, dlsym finds %p", names[i], loaded_find(names[i]),
				 dlsym(RTLD_DEFAULT, names[i]));
}

/* glibc before 2.34 may have libpthread in sight of nothing else. */
static void test_a_local_object_is_searched(void **state)
{
	static const char name[] = "unw_backtrace";
	void *library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);

	(void)state;
	if (!library || !dlsym(library, name))
		skip();
	assert_null(dlsym(RTLD_NEXT, name));
	assert_ptr_equal(loaded_find_next(name), dlsym(library, name));
	dlclose(library);
}

static void test_in_libc(void **state)
{
	void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
	unsigned found = 0;

	(void)state;
	assert_non_null(libc);
	for (unsigned i = 0; i < COUNT(names); i++) {
		void *expected = dlsym(libc, names[i]), *own = loaded_find_in_libc(names[i]);
		Dl_info info = {0};

		/* dlsym also searches what libc needs, which is the loader. */
		if (!own && expected && dladdr(expected, &info) && strstr(info.dli_fname, "/ld"))
			continue;
		if (own != expected)
			fail_msg("%s: %p, dlsym finds %p", names[i], own, expected);
		found += own != NULL;
	}
	assert_true(found > COUNT(names) / 2);
	assert_null(loaded_find_in_libc("_cmocka_run_group_tests"));
}

/* --- The kernel's image, which has both kinds of hash tables. --- */

static struct image read_vdso(void)
{
	uintptr_t at = getauxval(AT_SYSINFO_EHDR);
	const ElfW(Ehdr) *header = (const ElfW(Ehdr) *)at;
	const ElfW(Phdr) *segment = (const ElfW(Phdr) *)(at + header->e_phoff);
	struct image image = {0};

	for (unsigned i = 0; i < header->e_phnum; i++)
		if (segment[i].p_type == PT_DYNAMIC)
			assert_true(image_read(&image, at,
					       (const ElfW(Dyn) *)(at + segment[i].p_vaddr),
					       false));
	return image;
}

static void test_both_hash_tables(void **state)
{
	static const char *const there[] = {"__vdso_clock_gettime", "__vdso_getcpu",
					    "__vdso_gettimeofday"};
	struct image image, one;

	(void)state;
	if (!getauxval(AT_SYSINFO_EHDR))
		skip();
	image = read_vdso();
	for (unsigned i = 0; i < COUNT(there); i++) {
		assert_non_null(image_find(&image, there[i]));
		one = image;
		one.gnu_hash = NULL;
		if (one.hash)
			assert_ptr_equal(image_find(&one, there[i]), image_find(&image, there[i]));
	}
	assert_null(image_find(&image, "__vdso_no_such_name"));
	one = image;
	one.gnu_hash = NULL;
	if (one.hash)
		assert_null(image_find(&one, "__vdso_no_such_name"));
}

static void test_an_image_without_symbols(void **state)
{
	const ElfW(Dyn) nothing[] = {{.d_tag = DT_NULL}};
	struct image image;

	(void)state;
	assert_false(image_read(&image, 0x1000, nothing, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_next_is_what_dlsym_finds),
		cmocka_unit_test(test_first_is_what_dlsym_finds),
		cmocka_unit_test(test_a_local_object_is_searched),
		cmocka_unit_test(test_in_libc),
		cmocka_unit_test(test_both_hash_tables),
		cmocka_unit_test(test_an_image_without_symbols),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
