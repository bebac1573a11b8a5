"""The engineer that needs no key: a library of techniques composed into standalone scripts."""
