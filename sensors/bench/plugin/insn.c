// Counts the instructions that a program executes under QEMU's user emulation,
// thread by thread so that none is lost, in a file that can be read meanwhile:
// 4096 numbers of 64 bits, whose sum it is. out=FILE.
//
// The declarations are those of QEMU's plugin API, version 1, which Debian
// packages no header of.

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, void (*)(unsigned, void *), int flags, void *);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

enum { THREADS = 4096 };
static volatile uint64_t *counts;

static void executed(unsigned thread, void *insns)
{
	counts[thread % THREADS] += (uintptr_t)insns;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, 0, (void *)(uintptr_t)qemu_plugin_tb_n_insns(tb));
}

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "out=", 4) != 0)
		return 1;
	int fd = open(argv[0] + 4, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, THREADS * sizeof *counts) < 0)
		return 1;
	counts = mmap(NULL, THREADS * sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (counts == MAP_FAILED)
		return 1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
