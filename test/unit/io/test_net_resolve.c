/* Names to addresses: what is numeric, and what is left alone. */
#include <arpa/inet.h>
#include <string.h>

#include "io/net_resolve.h"
#include "testing.h"

static void a_numeric_address_needs_no_resolver(void **state)
{
	struct sockaddr_in address;

	(void)state;
	assert_true(net_resolve_numeric("172.28.0.11", &address));
	assert_int_equal(address.sin_family, AF_INET);
	assert_int_equal(ntohl(address.sin_addr.s_addr), 0xac1c000b);
}

/* A peer keeps the resolver's last answer there, for when the resolver is cut off as well. */
static void a_name_leaves_the_address_as_it_was(void **state)
{
	struct sockaddr_in address;
	struct sockaddr_in before;

	(void)state;
	assert_true(net_resolve_numeric("172.28.0.11", &address));
	before = address;
	assert_false(net_resolve_numeric("erlmcp_node2", &address));
	assert_false(net_resolve_numeric("", &address));
	assert_memory_equal(&address, &before, sizeof before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_numeric_address_needs_no_resolver),
	    cmocka_unit_test(a_name_leaves_the_address_as_it_was),
	};

	return RUN_TESTS(tests);
}
