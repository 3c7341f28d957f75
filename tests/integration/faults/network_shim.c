/*
 * Preloaded into the browser of the tests: it does not learn that network interfaces come and go.
 * Each container of another test brings one, and a browser then breaks off whatever it is loading.
 */
#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int socket(int domain, int type, int protocol)
{
	if (domain != AF_NETLINK)
		return (int)syscall(SYS_socket, domain, type, protocol);
	errno = EAFNOSUPPORT;
	return -1;
}
