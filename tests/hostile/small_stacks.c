/*
 * small_stacks: threads of the least size, and handlers on a barely sufficient alternate stack.
 *
 * Hazard: small stacks.  A thread with 16 KB in all has 6 KB left for the calls that it makes.  A
 * handler has 2 KB more than the kernel needs for its frame.  Each stack ends at an unreadable
 * page, so that an overflow is SIGSEGV and does not damage other memory.
 */
#include "hostile.h"

#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/select.h>

enum { HANDLER_ROOM = 2048, THREAD_ROOM = 6144 };

/* musl allows 2 KB, in which a thread can do nothing. */
#ifdef __GLIBC__
#define LEAST_STACK ((size_t)PTHREAD_STACK_MIN)
#else
#define LEAST_STACK ((size_t)16384)
#endif

static int ends[2];

static void calls_of_thread(int first)
{
	struct pollfd waited = {ends[1], POLLIN, 0};
	struct timeval limit = {1, 0};
	struct sockaddr_in address;
	socklen_t length = sizeof(address);
	char bytes[128];
	fd_set readable;
	int own[2];

	marks_write(ends[0], first, 1);
	CHECK(poll(&waited, 1, -1) == 1);
	FD_ZERO(&readable);
	FD_SET(ends[1], &readable);
	CHECK(select(ends[1] + 1, &readable, NULL, NULL, &limit) == 1);
	for (int left = first; left > 0;)
		left -= (int)read(ends[1], bytes, sizeof(bytes));
	CHECK(poll(&waited, 1, 1100) == 0); /* announced */
	tcp_pair(own);
	CHECK(getpeername(own[0], (struct sockaddr *)&address, &length) == 0);
	CHECK(close(own[0]) == 0);
	CHECK(read(own[1], bytes, sizeof(bytes)) == 0);
	CHECK(close(own[1]) == 0);
}

/* Uses the stack up to the last few pages before it makes any call. */
static void *small_thread(void *argument)
{
	pthread_attr_t attributes;
	size_t size;
	void *lowest;

	CHECK(pthread_getattr_np(pthread_self(), &attributes) == 0);
	CHECK(pthread_attr_getstack(&attributes, &lowest, &size) == 0);
	size_t left = (size_t)((char *)__builtin_frame_address(0) - (char *)lowest);
	CHECK(left > THREAD_ROOM);
	volatile char *used = __builtin_alloca(left - THREAD_ROOM);
	used[0] = 1;
	calls_of_thread((int)(intptr_t)argument);
	return NULL;
}

static void write_in_handler(int signal_number)
{
	(void)signal_number;
	if (write(ends[0], "handled", 7) != 7)
		_exit(1);
}

static void on_alternate_stack(void)
{
	size_t size = (size_t)getauxval(AT_MINSIGSTKSZ) + HANDLER_ROOM;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t room = (size + page - 1) / page * page;
	char *map =
		mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(map != MAP_FAILED);
	CHECK(mprotect(map, page, PROT_NONE) == 0);
	stack_t stack = {.ss_sp = map + page, .ss_size = size};
	CHECK(sigaltstack(&stack, NULL) == 0);
	handler_set(SIGUSR1, write_in_handler, SA_ONSTACK);
	for (int i = 0; i < 10; i++)
		CHECK(raise(SIGUSR1) == 0);
}

int main(int argc, char **argv)
{
	pthread_attr_t attributes;
	char bytes[128];

	deadline_set(30);
	CHECK(argc == 2);
	tcp_pair(ends);
	if (strcmp(argv[1], "thread") == 0) {
		CHECK(pthread_attr_init(&attributes) == 0);
		CHECK((errno = pthread_attr_setstacksize(&attributes, LEAST_STACK)) == 0);
		for (int first = 501; first < 504; first++) {
			pthread_t thread;

			CHECK((errno = pthread_create(&thread, &attributes, small_thread,
						      (void *)(intptr_t)first)) == 0);
			thread_join(thread);
			marks_expect(getpid(), first, 1);
		}
		expect("=", 3, "^poll\\(\\[[0-9]+:POLLIN\\], 1, 1100\\)[[:blank:]]+= 0$");
	} else {
		on_alternate_stack();
		CHECK(recv(ends[1], bytes, 70, MSG_WAITALL) == 70);
		expect("=", 10, "^write\\([0-9]+, \" h a n d l e d\", 7\\)[[:blank:]]+= 7$");
	}
	four_marks(ends[0], 601);
	return 0;
}
