/* What the system knows of a connection's way through the network. A file of its own: the C
 * library's header of TCP knows less than the kernel's, and the two cannot be included together. */
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "dist/link_room.h"
#include "io/net_socket.h"

void net_socket_path(int fd, struct link_path *ret)
{
	struct tcp_info info;
	socklen_t len = sizeof info;
	int under_way = 0;

	memset(&info, 0, sizeof info);
	memset(ret, 0, sizeof *ret);
	if (ioctl(fd, SIOCOUTQ, &under_way) == 0 && under_way > 0)
		ret->under_way = (size_t)under_way;
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0 ||
	    info.tcpi_min_rtt == UINT32_MAX)
		return;
	ret->rtt_us = info.tcpi_rtt;
	ret->min_rtt_us = info.tcpi_min_rtt;
}
