/*-------------------------------------------------------------------------
 *
 * wait.c
 *	  Requests that wait without keeping others waiting.
 *
 * One epoll set holds a timer, armed for whoever is due first, and the
 * sockets of all that wait, since libmicrohttpd does not look at a suspended
 * connection.  A Wait leaves the list in the thread here and nowhere else,
 * so the pointers epoll hands out stay valid for one round.
 *-------------------------------------------------------------------------
 */
#include "wait.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 64

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Wait *waiting;
static int	epoll_fd;
static int	timer_fd;
static int64_t armed_for = WAIT_FOREVER;

int64_t
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

/* Have the timer go off then; a time in the past goes off at once. */
static void
arm(int64_t due_us)
{
	struct itimerspec when = {0};

	armed_for = due_us;
	if (due_us != WAIT_FOREVER)
	{
		when.it_value.tv_sec = due_us / 1000000;
		when.it_value.tv_nsec = due_us % 1000000 * 1000;
		if (due_us <= 0)
			when.it_value.tv_nsec = 1;	/* zero would disarm it */
	}
	timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void
unlink_wait(Wait *wait)
{
	if (wait->prev)
		wait->prev->next = wait->next;
	else
		waiting = wait->next;
	if (wait->next)
		wait->next->prev = wait->prev;
}

/* Resume whoever is done waiting, and arm the timer for the next. */
static void
resume_done(void)
{
	int64_t		now = now_us();
	int64_t		first_due = WAIT_FOREVER;
	Wait	   *next;

	for (Wait *wait = waiting; wait != NULL; wait = next)
	{
		next = wait->next;
		if (!wait->gone && wait->due_us > now)
		{
			if (wait->due_us < first_due)
				first_due = wait->due_us;
			continue;
		}
		unlink_wait(wait);
		epoll_ctl(epoll_fd, EPOLL_CTL_DEL, wait->fd, NULL);
		/* the last use of wait: its request may end right away */
		MHD_resume_connection(wait->connection);
	}
	arm(first_due);
}

static void *
watch(void *arg)
{
	struct epoll_event events[EVENTS];
	uint64_t	expirations;

	(void) arg;
	for (;;)
	{
		int			n = epoll_wait(epoll_fd, events, EVENTS, -1);

		pthread_mutex_lock(&lock);
		for (int i = 0; i < n; i++)
		{
			Wait	   *wait = events[i].data.ptr;

			if (wait != NULL)
				wait->gone = true;
			else if (read(timer_fd, &expirations, sizeof(expirations)) < 0)
				continue;		/* armed anew meanwhile */
		}
		resume_done();
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

void
wait_start(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	pthread_t	thread;

	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, timer_fd, &event);
	if (pthread_create(&thread, NULL, watch, NULL) != 0)
	{
		fputs("sandbox: could not start a thread\n", stderr);
		exit(1);
	}
	pthread_detach(thread);
}

int
wait_socket(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info;

	info = MHD_get_connection_info(connection,
								   MHD_CONNECTION_INFO_CONNECTION_FD);
	return info->connect_fd;
}

void
wait_until(Wait *wait, struct MHD_Connection *connection, int64_t due_us)
{
	struct epoll_event event = {.events = EPOLLRDHUP, .data.ptr = wait};

	wait->connection = connection;
	wait->fd = wait_socket(connection);
	wait->due_us = due_us;
	wait->prev = NULL;

	pthread_mutex_lock(&lock);
	MHD_suspend_connection(connection);
	wait->next = waiting;
	if (waiting)
		waiting->prev = wait;
	waiting = wait;
	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, wait->fd, &event);
	if (due_us < armed_for)
		arm(due_us);
	pthread_mutex_unlock(&lock);
}

void
wait_release_all(void)
{
	pthread_mutex_lock(&lock);
	for (Wait *wait = waiting; wait != NULL; wait = wait->next)
		wait->gone = true;
	if (waiting != NULL)
		arm(0);
	pthread_mutex_unlock(&lock);
}
