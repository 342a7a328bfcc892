#include "http/answer.h"

#include <assert.h>

const char *http_reason(unsigned code)
{
	static const struct {
		unsigned code;
		const char *phrase;
	} reasons[] = {
	    {200, "OK"},
	    {400, "Bad Request"},
	    {404, "Not Found"},
	    {405, "Method Not Allowed"},
	    {408, "Request Timeout"},
	    {413, "Content Too Large"},
	    {414, "URI Too Long"},
	    {417, "Expectation Failed"},
	    {431, "Request Header Fields Too Large"},
	    {500, "Internal Server Error"},
	    {501, "Not Implemented"},
	    {503, "Service Unavailable"},
	    {505, "HTTP Version Not Supported"},
	};

	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
		if (reasons[i].code == code)
			return reasons[i].phrase;
	}
	return "Unknown";
}

/* Days since 1970-01-01 as a date of the Gregorian calendar: years are counted from March, so that
 * the leap day is a year's last, in eras of 400 years. */
static void date_of(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
	const int64_t shifted = days + 719468; /* from 0000-03-01 */
	const unsigned of_era = (unsigned)(shifted % 146097);
	const unsigned year_of_era =
	    (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	const unsigned of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	const unsigned from_march = (5 * of_year + 2) / 153;

	*day = of_year - (153 * from_march + 2) / 5 + 1;
	*month = from_march < 10 ? from_march + 3 : from_march - 9;
	*year = year_of_era + shifted / 146097 * 400 + (*month <= 2);
}

/* RFC 9110, section 5.6.7. */
static void put_date(struct buf *b, int64_t wall_s)
{
	static const char *const weekdays[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
	                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	const int64_t days = wall_s / 86400;
	const unsigned second = (unsigned)(wall_s % 86400);
	int64_t year;
	unsigned month;
	unsigned day;

	if (wall_s <= 0)
		return;
	date_of(days, &year, &month, &day);
	buf_printf(b, "Date: %s, %02u %s %lld %02u:%02u:%02u GMT\r\n", weekdays[days % 7], day,
	           months[month - 1], (long long)year, second / 3600, second / 60 % 60,
	           second % 60);
}

void http_answer_put(struct buf *b, const struct http_answer *a, bool bare, bool keep_alive)
{
	assert(a->code >= 200 && a->code <= 599 && a->type != NULL);
	buf_printf(b, "HTTP/1.1 %u %s\r\n", a->code, http_reason(a->code));
	put_date(b, a->wall_s);
	/* Verdicts and figures are of this moment: nobody on the way may keep them. */
	buf_printf(b, "Content-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n",
	           a->type, a->len);
	if (a->headers != NULL)
		buf_printf(b, "%s", a->headers);
	buf_printf(b, "%s\r\n", keep_alive ? "" : "Connection: close\r\n");
	if (!bare)
		buf_bytes(b, a->body, a->len);
}
