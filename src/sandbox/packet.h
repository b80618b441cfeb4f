// One packet with file descriptors over a SOCK_SEQPACKET socket.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "base/fd.h"

namespace mecapy::sandbox {

constexpr std::size_t kMaxPacketFds = 4;

using PacketFds = std::array<base::Fd, kMaxPacketFds>;

enum class Received { packet, nothing, closed };

// Sends `size` bytes and the descriptors, which stay the caller's. False with errno on failure;
// never blocks longer than the socket's mode says, never raises SIGPIPE.
bool send_packet(int socket, const void* bytes, std::size_t size, std::span<const int> fds = {});

// Receives one packet of exactly `size` bytes. `nothing` on a non-blocking socket without one;
// `closed` at the end, on an error and on a packet of another size: no peer of ours sends one.
Received receive_packet(int socket, void* bytes, std::size_t size, PacketFds* fds = nullptr);

template <class T>
bool send_packet(int socket, const T& value, std::span<const int> fds = {}) {
  return send_packet(socket, &value, sizeof value, fds);
}
template <class T>
Received receive_packet(int socket, T& value, PacketFds* fds = nullptr) {
  return receive_packet(socket, &value, sizeof value, fds);
}

}  // namespace mecapy::sandbox
