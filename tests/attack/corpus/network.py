"""Reaching out: every attack aims at a listener that the test opened on the loopback, or at a socket of its own."""

from __future__ import annotations

from tests.attack.attack import Attack

ATTACKS = (
    Attack("tcp-4", "socket.create_connection(('127.0.0.1', $tcp4), 2).sendall(b'hello')", "heard:tcp4"),
    Attack(
        "tcp-6",
        "$tcp6 > 0 or absent('no IPv6'); socket.create_connection(('::1', $tcp6), 2).sendall(b'hello')",
        "heard:tcp6",
    ),
    Attack(
        "tcp-4-as-6",
        "$tcp6 > 0 or absent('no IPv6'); socket.socket(socket.AF_INET6).connect(('::ffff:127.0.0.1', $tcp4))",
        "heard:tcp4",
    ),
    Attack(
        "tcp-fast-open",
        """
        # sends and connects in one call, past filters that look at connect()
        sock = socket.socket()
        sock.sendto(b'hello', 0x20000000, ('127.0.0.1', $tcp4))
        """,
        "heard:tcp4",
    ),
    Attack(
        "tcp-multipath",
        """
        # another protocol number, past filters that know TCP alone
        try:
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
        except OSError as error:
            error.errno in (errno.EPROTONOSUPPORT, errno.ENOPROTOOPT) and absent('no multipath TCP')
            raise
        sock.connect(('127.0.0.1', $tcp4))
        """,
        "heard:tcp4",
    ),
    Attack("udp-4", "socket.socket(type=socket.SOCK_DGRAM).sendto(b'hello', ('127.0.0.1', $udp4))", "heard:udp4"),
    Attack(
        "udp-6",
        "$udp6 > 0 or absent('no IPv6'); socket.socket(socket.AF_INET6, 2).sendto(b'hello', ('::1', $udp6))",
        "heard:udp6",
    ),
    Attack(
        "name-look-up",
        """
        # the C library's resolver, told to ask the test's own listener for one name: its state begins with retry times,
        # options, the count of servers and then the servers, as resolv.h lays them out
        resolver = ctypes.CDLL('libresolv.so.2')
        resolver.__res_state.restype = ctypes.c_void_p
        query = getattr(resolver, 'res_query', None) or getattr(resolver, '__res_query')
        state = resolver.__res_state()
        libc.__res_init()
        kept = (ctypes.c_char * 36).from_address(state)
        family = struct.unpack_from('=H', kept, 20)[0]
        family == socket.AF_INET or absent('another layout of the resolver')
        struct.pack_into('=iiQi', kept, 0, 1, 1, struct.unpack_from('=Q', kept, 8)[0], 1)
        struct.pack_into('=H', kept, 20, socket.AF_INET)
        struct.pack_into('!H4s', kept, 22, $names, socket.inet_aton('127.0.0.1'))
        answer = ctypes.create_string_buffer(512)
        if query(b'answers.attack.invalid', 1, 1, answer, 512) < 0:
            deny('no answer')
        """,
        "heard:names",
    ),
    Attack("unix-stream", "socket.socket(socket.AF_UNIX).connect($stream)", "heard:stream"),
    Attack(
        "unix-datagram",
        "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'hello', $datagram)",
        "heard:datagram",
    ),
    Attack(
        "unix-by-root-of-harness",
        "socket.socket(socket.AF_UNIX).connect('/proc/%d/root' % $harness + $stream)",
        "heard:stream",
    ),
    Attack("unix-abstract", "socket.socket(socket.AF_UNIX).connect('\\0' + $abstract)", "heard:abstract"),
    Attack(
        "unix-abstract-datagram",
        "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'hello', '\\0' + $abstract_datagram)",
        "heard:abstract_datagram",
    ),
    Attack(
        "unix-pair-redirected",
        """
        # an allowed pair of sockets, whose one end is then sent elsewhere
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        ours.sendto(b'hello', '\\0' + $abstract_datagram)
        """,
        "heard:abstract_datagram",
    ),
    Attack("raw", "reached(socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))", needs="root"),
    Attack("packet", "reached(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))", needs="root"),
    Attack(
        "netlink",
        """
        sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        sock.sendto(struct.pack('=IHHIIB3x', 20, 18, 0x301, 1, 0, 0), (0, 0))  # list the interfaces
        reached(len(sock.recv(4096)))
        """,
    ),
    Attack(
        "vsock",
        """
        try:
            reached(socket.socket(40, socket.SOCK_STREAM))
        except OSError as error:
            error.errno == errno.EAFNOSUPPORT and absent('no vsock')
            raise
        """,
    ),
    Attack(
        "kernel-crypto",
        """
        try:
            reached(socket.socket(38, socket.SOCK_SEQPACKET))
        except OSError as error:
            error.errno == errno.EAFNOSUPPORT and absent('no such sockets')
            raise
        """,
    ),
    Attack(
        "listener-of-own",
        """
        # two evaluations must not find each other through a port
        server = socket.create_server(('127.0.0.1', 0))
        socket.create_connection(server.getsockname(), 2)
        reached(server.getsockname())
        """,
    ),
)
