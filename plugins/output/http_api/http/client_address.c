/*
 * The key of an address, for the tables of connections.c and auth_throttle.c, and its text for the
 * log. Pure functions, called on the HTTP thread; nothing fails, an unknown family has key 0 and
 * text "?".
 */
#include "http/client_address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* The prefix ff.. is multicast in IPv6 (RFC 4291, section 2.7) and never a client's network, so the
 * keys of both families cannot collide. */
static uint64_t key_of_v4(const void *bytes)
{
	unsigned char key[8] = {0xff, 0xff, 0xff, 0xff};
	uint64_t ret;
	memcpy(key + 4, bytes, 4);
	memcpy(&ret, key, sizeof(ret));
	return ret;
}

uint64_t client_address_key(const struct sockaddr *address)
{
	uint64_t network = 0;
	if (address->sa_family == AF_INET)
		return key_of_v4(&((const struct sockaddr_in *)address)->sin_addr);
	if (address->sa_family != AF_INET6)
		return 0;
	const struct in6_addr *v6 = &((const struct sockaddr_in6 *)address)->sin6_addr;
	if (IN6_IS_ADDR_V4MAPPED(v6))
		return key_of_v4(v6->s6_addr + 12);
	memcpy(&network, v6->s6_addr, sizeof(network));
	return network;
}

void client_address_text(const struct sockaddr *address, char ret[INET6_ADDRSTRLEN])
{
	const struct in6_addr *v6 = &((const struct sockaddr_in6 *)address)->sin6_addr;
	const char *text = NULL;
	if (address->sa_family == AF_INET)
		text = inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, ret,
				 INET6_ADDRSTRLEN);
	else if (address->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(v6))
		text = inet_ntop(AF_INET, v6->s6_addr + 12, ret, INET6_ADDRSTRLEN);
	else if (address->sa_family == AF_INET6)
		text = inet_ntop(AF_INET6, v6, ret, INET6_ADDRSTRLEN);
	if (!text)
		snprintf(ret, INET6_ADDRSTRLEN, "?");
}
