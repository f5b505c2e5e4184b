/* A DTLS 1.2 client and server on mbed TLS 2.28, the library under Unity's: what comes in on stdin
 * leaves as one record, and what records hold comes out on stdout. A client says `ready` first.
 *
 * mbedtls_peer client|server PORT CA|- CERTIFICATE|- KEY|- NAME SUITE MTU
 *
 * A server with a CA requires a client certificate. */

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_cookie.h>
#include <mbedtls/timing.h>

static void check(int result, const char *what)
{
    char text[200];
    if (result >= 0)
        return;
    mbedtls_strerror(result, text, sizeof text);
    fprintf(stderr, "%s: %s (-0x%04x)\n", what, text, (unsigned)-result);
    exit(1);
}

static int is_given(const char *argument) { return strcmp(argument, "-") != 0; }

static int shake_hands(mbedtls_ssl_context *ssl)
{
    int result;
    do
        result = mbedtls_ssl_handshake(ssl);
    while (result == MBEDTLS_ERR_SSL_WANT_READ || result == MBEDTLS_ERR_SSL_WANT_WRITE);
    return result;
}

/* Waits for a client, and again whenever a hello has no cookie yet. */
static void serve(mbedtls_ssl_context *ssl, mbedtls_net_context *listener, mbedtls_net_context *peer)
{
    unsigned char address[16];
    size_t length;
    int result;
    do {
        mbedtls_net_free(peer);
        mbedtls_ssl_session_reset(ssl);
        check(mbedtls_net_accept(listener, peer, address, sizeof address, &length), "accept");
        check(mbedtls_ssl_set_client_transport_id(ssl, address, length), "transport id");
        result = shake_hands(ssl);
    } while (result == MBEDTLS_ERR_SSL_HELLO_VERIFY_REQUIRED);
    check(result, "handshake");
}

/* Carries bytes between the standard streams and the connection until one of them ends. */
static void carry(mbedtls_ssl_context *ssl, int socket)
{
    unsigned char buffer[4096];
    for (;;) {
        struct pollfd events[2] = {{0, POLLIN, 0}, {socket, POLLIN, 0}};
        int result;
        poll(events, 2, 100);
        if (events[0].revents) {
            ssize_t length = read(0, buffer, sizeof buffer);
            if (length <= 0)
                return;
            check(mbedtls_ssl_write(ssl, buffer, (size_t)length), "write");
        }
        result = mbedtls_ssl_read(ssl, buffer, sizeof buffer);
        if (result > 0)
            check((int)write(1, buffer, (size_t)result), "stdout");
        else if (result == MBEDTLS_ERR_SSL_CLIENT_RECONNECT)
            /* A hello with a cookie, from where the client is: it has heard nothing for too long. */
            check(shake_hands(ssl), "handshake");
        else if (result != MBEDTLS_ERR_SSL_TIMEOUT && result != MBEDTLS_ERR_SSL_WANT_READ)
            check(result == 0 ? -1 : result, "read");
    }
}

int main(int count, char **arguments)
{
    mbedtls_net_context listener, peer;
    mbedtls_ssl_context ssl;
    mbedtls_ssl_config config;
    mbedtls_ssl_cookie_ctx cookies;
    mbedtls_entropy_context entropy;
    mbedtls_ctr_drbg_context random;
    mbedtls_timing_delay_context timer;
    mbedtls_x509_crt ca, certificate;
    mbedtls_pk_context key;
    int suites[2] = {0, 0};
    int server;
    if (count != 9)
        return 2;
    server = strcmp(arguments[1], "server") == 0;
    mbedtls_net_init(&listener);
    mbedtls_net_init(&peer);
    mbedtls_ssl_init(&ssl);
    mbedtls_ssl_config_init(&config);
    mbedtls_ssl_cookie_init(&cookies);
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&random);
    mbedtls_x509_crt_init(&ca);
    mbedtls_x509_crt_init(&certificate);
    mbedtls_pk_init(&key);
    check(mbedtls_ctr_drbg_seed(&random, mbedtls_entropy_func, &entropy, NULL, 0), "random");
    check(mbedtls_ssl_config_defaults(&config, server ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT,
                                      MBEDTLS_SSL_TRANSPORT_DATAGRAM, MBEDTLS_SSL_PRESET_DEFAULT),
          "defaults");
    mbedtls_ssl_conf_rng(&config, mbedtls_ctr_drbg_random, &random);
    mbedtls_ssl_conf_authmode(&config, server && !is_given(arguments[3]) ? MBEDTLS_SSL_VERIFY_NONE
                                                                         : MBEDTLS_SSL_VERIFY_REQUIRED);
    if (is_given(arguments[3])) {
        check(mbedtls_x509_crt_parse_file(&ca, arguments[3]), "CA");
        mbedtls_ssl_conf_ca_chain(&config, &ca, NULL);
    }
    if (is_given(arguments[4])) {
        check(mbedtls_x509_crt_parse_file(&certificate, arguments[4]), "certificate");
        check(mbedtls_pk_parse_keyfile(&key, arguments[5], NULL), "key");
        check(mbedtls_ssl_conf_own_cert(&config, &certificate, &key), "own certificate");
    }
    suites[0] = mbedtls_ssl_get_ciphersuite_id(arguments[7]);
    check(suites[0] == 0 ? -1 : 0, "suite");
    mbedtls_ssl_conf_ciphersuites(&config, suites);
    mbedtls_ssl_conf_handshake_timeout(&config, 300, 20000);
    mbedtls_ssl_conf_read_timeout(&config, 10);
    check(mbedtls_ssl_cookie_setup(&cookies, mbedtls_ctr_drbg_random, &random), "cookies");
    if (server)
        mbedtls_ssl_conf_dtls_cookies(&config, mbedtls_ssl_cookie_write, mbedtls_ssl_cookie_check, &cookies);
    check(mbedtls_ssl_setup(&ssl, &config), "setup");
    mbedtls_ssl_set_timer_cb(&ssl, &timer, mbedtls_timing_set_delay, mbedtls_timing_get_delay);
    mbedtls_ssl_set_mtu(&ssl, (uint16_t)atoi(arguments[8]));
    mbedtls_ssl_set_bio(&ssl, &peer, mbedtls_net_send, mbedtls_net_recv, mbedtls_net_recv_timeout);
    if (server) {
        check(mbedtls_net_bind(&listener, "127.0.0.1", arguments[2], MBEDTLS_NET_PROTO_UDP), "bind");
        serve(&ssl, &listener, &peer);
    } else {
        check(mbedtls_ssl_set_hostname(&ssl, arguments[6]), "name");
        check(mbedtls_net_connect(&peer, "127.0.0.1", arguments[2], MBEDTLS_NET_PROTO_UDP), "connect");
        check(shake_hands(&ssl), "handshake");
        check((int)write(1, "ready\n", 6), "stdout");
    }
    carry(&ssl, peer.fd);
    return 0;
}
