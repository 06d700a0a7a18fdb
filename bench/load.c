/* The load of the benchmark: one thread, epoll, one request again and again; every answer is read to its end and looked at.
 *
 * load PORT REQUEST_FILE CONNECTIONS SECONDS RATE SUBJECTS WORDS TIMES END PATIENCE_MS
 *
 * REQUEST_FILE holds the whole request, head and body; `######` in it becomes a number below SUBJECTS, another one each time. An answer is
 * right when it is a 200 that holds WORDS at least TIMES times, and END at least once. RATE 0: each connection asks anew as soon as it
 * was answered. Otherwise RATE requests a second are due at even distances, and the time of each is counted from when it was due, not from
 * when a connection was free for it. When time is up nothing more is sent, what is open is waited for, and one line of JSON is printed.
 *
 * PATIENCE_MS 0: each answer must be right. Otherwise a 503 that says when to come back counts as refused, and nobody comes back then; a
 * right answer after so long counts as late, and what finds no connection free when it is due is not asked at all. When time is up
 * nobody waits any longer. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_BYTES_MAX = 1 << 18, EVENTS_MAX = 256, DRAIN_SECONDS = 30, PLACES_MAX = 8 };

typedef struct {
  int fd, busy, full, head_read, chunked, close_after, status, come_back;
  size_t sent, got, body, left; /* of the request; of the answer; its decoded body's beginning and, chunked, what the chunk still lacks */
  size_t at, end;               /* where to read on; where the decoded body ends */
  int whole;
  int64_t due;
  char *request, *bytes;
} connection;

static connection *all;
static int *idle, idle_count, poll_fd, count, port, subjects, times;
static char *request, why[400];
static size_t request_bytes, places[PLACES_MAX];
static int places_count;
static const char *words, *last;
static unsigned long right, wrong, asked, closed, refused, late, unsent;
static int64_t patience;
static uint32_t *taken_us;
static size_t taken_room;
static int64_t ended;

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void wait_for(connection *c, uint32_t events, int operation) {
  struct epoll_event event = {.events = events, .data.ptr = c};
  epoll_ctl(poll_fd, operation, c->fd, &event);
}

static void open_it(connection *c) {
  c->full = 0;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int yes = 1;
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof address)) {
    perror("load: connect");
    exit(1);
  }
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  wait_for(c, EPOLLIN, EPOLL_CTL_ADD);
}

static void reopen(connection *c) {
  close(c->fd);
  open_it(c);
}

static void push(connection *c) {
  ssize_t sent = send(c->fd, c->request + c->sent, request_bytes - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent > 0) c->sent += (size_t)sent;
  /* A failure shows when the answer is read. */
  int full = c->sent < request_bytes && (sent > 0 || errno == EAGAIN);
  if (full != c->full) wait_for(c, full ? EPOLLIN | EPOLLOUT : EPOLLIN, EPOLL_CTL_MOD);
  c->full = full;
}

static void ask(connection *c, int64_t due) {
  char number[24];
  snprintf(number, sizeof number, "%06lu", asked++ % (unsigned long)subjects);
  for (int i = 0; i < places_count; i++) memcpy(c->request + places[i], number, 6);
  c->busy = 1;
  c->due = due;
  c->sent = c->got = c->body = c->left = c->at = c->end = 0;
  c->head_read = c->chunked = c->close_after = c->whole = c->status = 0;
  push(c);
}

static void say_wrong(const connection *c, const char *what) {
  if (wrong++ == 0) snprintf(why, sizeof why, "%s, status %d: %.250s", what, c->status, c->got ? c->bytes + c->body : "");
}

static void done(connection *c, const char *failure) {
  ended = now_ns();
  const char *body = c->bytes + c->body;
  size_t left = c->end - c->body;
  c->bytes[c->end < c->got ? c->end : c->got] = 0;
  int turned_away = patience && failure == NULL && c->status == 503 && c->come_back;
  if (failure == NULL && c->status != 200) failure = "refused";
  if (failure == NULL && last[0] && memmem(body, left, last, strlen(last)) == NULL) failure = "without its end";
  for (int i = 0; failure == NULL && i < times; i++) {
    const char *found = memmem(body, left, words, strlen(words));
    if (found == NULL)
      failure = "without the provider's words";
    else {
      left -= (size_t)(found - body) + strlen(words);
      body = found + strlen(words);
    }
  }
  if (turned_away)
    refused++;
  else if (failure != NULL)
    say_wrong(c, failure);
  else if (patience && ended - c->due > patience)
    late++;
  else {
    if (right == taken_room) taken_us = realloc(taken_us, (taken_room = taken_room ? 2 * taken_room : 65536) * sizeof *taken_us);
    taken_us[right++] = (uint32_t)((ended - c->due) / 1000);
  }
  c->busy = 0;
  if (c->close_after) {
    closed++;
    reopen(c);
  }
  idle[idle_count++] = (int)(c - all);
}

static int read_head(connection *c) {
  char *end = memmem(c->bytes, c->got, "\r\n\r\n", 4), *field;
  if (end == NULL) return 0;
  *end = 0;
  c->head_read = 1;
  c->status = c->got > 12 ? atoi(c->bytes + 9) : 0;
  c->body = c->at = c->end = (size_t)(end + 4 - c->bytes);
  c->close_after = strcasestr(c->bytes, "\r\nconnection: close") != NULL;
  c->chunked = strcasestr(c->bytes, "\r\ntransfer-encoding: chunked") != NULL;
  c->come_back = strcasestr(c->bytes, "\r\nretry-after:") != NULL;
  field = strcasestr(c->bytes, "\r\ncontent-length:");
  c->left = field == NULL ? 0 : strtoul(field + 17, NULL, 10);
  return 1;
}

/* Takes the chunks apart in place; `whole` once the last one is there. */
static void read_chunks(connection *c) {
  while (c->at < c->got) {
    if (c->left > 0) {
      size_t part = c->got - c->at < c->left ? c->got - c->at : c->left;
      /* The line end after a chunk is read with it and not kept. */
      size_t kept = c->left > 2 ? (part < c->left - 2 ? part : c->left - 2) : 0;
      memmove(c->bytes + c->end, c->bytes + c->at, kept);
      c->end += kept;
      c->at += part;
      c->left -= part;
      continue;
    }
    char *line = memmem(c->bytes + c->at, c->got - c->at, "\r\n", 2);
    if (line == NULL) return;
    size_t size = strtoul(c->bytes + c->at, NULL, 16);
    if (size == 0) {
      c->whole = memmem(line, (size_t)(c->bytes + c->got - line), "\r\n\r\n", 4) != NULL;
      return;
    }
    c->at = (size_t)(line + 2 - c->bytes);
    c->left = size + 2;
  }
}

static void read_from(connection *c) {
  ssize_t more = recv(c->fd, c->bytes + c->got, ANSWER_BYTES_MAX - 1 - c->got, MSG_DONTWAIT);
  if (more < 0 && errno == EAGAIN) return;
  if (more <= 0) {
    if (c->busy) {
      c->close_after = 1;
      done(c, "the connection was closed before the answer was whole");
    } else {
      closed++;
      reopen(c);
    }
    return;
  }
  if (!c->busy) {
    say_wrong(c, "bytes that nobody asked for");
    return;
  }
  c->got += (size_t)more;
  if (!c->head_read && !read_head(c)) return;
  if (c->chunked)
    read_chunks(c);
  else {
    c->end = c->got;
    c->whole = c->got >= c->body + c->left;
  }
  if (c->whole)
    done(c, NULL);
  else if (c->got >= ANSWER_BYTES_MAX - 1) {
    c->close_after = 1;
    done(c, "an answer too long");
  }
}

static int by_size(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

static void tell(int64_t began) {
  size_t n = right;
  qsort(taken_us, n, sizeof *taken_us, by_size);
  for (char *at = why; *at; at++)
    if (*at < ' ' || *at == '"' || *at == '\\') *at = '\'';
  printf("{\"requests\": %zu, \"seconds\": %.6f, \"errors\": %lu, \"why\": \"%s\", \"closed\": %lu, \"p50_us\": %u, \"p99_us\": %u, \"max_us\": %u, "
         "\"refused\": %lu, \"late\": %lu, \"unsent\": %lu}\n",
         n, (double)(ended - began) / 1e9, wrong, why, closed, n ? taken_us[n / 2] : 0, n ? taken_us[n * 99 / 100] : 0,
         n ? taken_us[n - 1] : 0, refused, late, unsent);
}

static void read_request(const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL || fseek(file, 0, SEEK_END)) {
    perror(path);
    exit(1);
  }
  request_bytes = (size_t)ftell(file);
  rewind(file);
  request = malloc(request_bytes + 1);
  if (fread(request, 1, request_bytes, file) != request_bytes) exit(1);
  fclose(file);
  char *at = request;
  while (places_count < PLACES_MAX && (at = memmem(at, request_bytes - (size_t)(at - request), "######", 6)) != NULL) {
    places[places_count++] = (size_t)(at - request);
    at += 6;
  }
}

int main(int given, char **values) {
  if (given != 11) {
    fputs("load PORT REQUEST_FILE CONNECTIONS SECONDS RATE SUBJECTS WORDS TIMES END PATIENCE_MS\n", stderr);
    return 2;
  }
  port = atoi(values[1]);
  read_request(values[2]);
  count = atoi(values[3]);
  double seconds = atof(values[4]), rate = atof(values[5]);
  subjects = atoi(values[6]);
  words = values[7];
  times = atoi(values[8]);
  last = values[9];
  patience = atoi(values[10]) * (int64_t)1000000;
  poll_fd = epoll_create1(0);
  all = calloc((size_t)count, sizeof *all);
  idle = calloc((size_t)count, sizeof *idle);
  for (int i = 0; i < count; i++) {
    all[i].bytes = malloc(ANSWER_BYTES_MAX);
    all[i].request = malloc(request_bytes);
    memcpy(all[i].request, request, request_bytes);
    open_it(&all[i]);
    idle[idle_count++] = i;
  }
  struct epoll_event events[EVENTS_MAX];
  int64_t began = now_ns(), stop = began + (int64_t)(seconds * 1e9), give_up = stop + (int64_t)DRAIN_SECONDS * 1000000000;
  unsigned long due = 0;
  ended = began;
  for (;;) {
    int64_t now = now_ns(), next = stop;
    while (now < stop && idle_count > 0) {
      next = rate > 0 ? began + (int64_t)((double)due * 1e9 / rate) : now;
      if (next > now) break;
      due++;
      ask(&all[idle[--idle_count]], next);
    }
    while (patience && rate > 0 && idle_count == 0 && now < stop) {
      next = began + (int64_t)((double)due * 1e9 / rate);
      if (next > now) break;
      due++;
      unsent++;
    }
    if (now >= stop && (patience || idle_count == count || now > give_up)) break;
    int64_t until = now >= stop ? give_up : (idle_count > 0 || patience) && next < stop ? next : stop;
    int64_t wait = until > now ? until - now : 0;
    struct timespec most = {.tv_sec = wait / 1000000000, .tv_nsec = wait % 1000000000};
    int ready = epoll_pwait2(poll_fd, events, EVENTS_MAX, &most, NULL);
    for (int i = 0; i < ready; i++) {
      connection *c = events[i].data.ptr;
      if (events[i].events & EPOLLOUT) push(c);
      if (events[i].events & ~(uint32_t)EPOLLOUT) read_from(c);
    }
  }
  for (int i = 0; i < count; i++)
    if (all[i].busy && !patience) say_wrong(&all[i], "no answer until the end");
  tell(began);
  return 0;
}
