/*
 * What limits per address count as one client: an IPv4 address, or an IPv6 network (/64), since a
 * client with one address of such a network has all of them.
 */
#ifndef TALLYD_HTTP_CLIENT_ADDRESS_H
#define TALLYD_HTTP_CLIENT_ADDRESS_H

#include <netinet/in.h>
#include <stdint.h>

/* The same for an IPv4 address that comes as ::ffff:a.b.c.d. */
uint64_t client_address_key(const struct sockaddr *address);

/* For messages; an address of an unknown kind is "?". */
void client_address_text(const struct sockaddr *address, char ret[INET6_ADDRSTRLEN]);

#endif
