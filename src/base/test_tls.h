// For tests: a server that speaks TLS on 127.0.0.1 and gives the same answer to whatever is sent,
// with a certificate for the names a test says. The authority that signed it is to be trusted.
#pragma once

#include <atomic>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "base/test_folder.h"

namespace mecapy::base {

class TlsServer {
 public:
  // `names` as openssl writes them: "IP:127.0.0.1,DNS:localhost".
  TlsServer(const std::string& names, std::string answer) : answer_(std::move(answer)) {
    make_certificates(names);
    context_.use_certificate_chain_file(folder_.path("cert.pem"));
    context_.use_private_key_file(folder_.path("key.pem"), boost::asio::ssl::context::pem);
    thread_ = std::thread([this] { serve(); });
  }
  ~TlsServer() {
    // The end is told as a last connection: a blocked accept hears of nothing else.
    ending_ = true;
    boost::asio::ip::tcp::socket last(io_);
    boost::system::error_code ec;
    last.connect(acceptor_.local_endpoint(), ec);
    thread_.join();
  }
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  std::string authority() const { return folder_.path("ca.pem"); }  // its certificate
  // How many clients found the certificate good and sent something.
  int heard() const { return heard_; }

 private:
  void make_certificates(const std::string& names) {
    const std::string make =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 ";
    const auto file = [this](const char* name) { return " '" + folder_.path(name) + "' "; };
    const std::string authority =
        make + "-subj /CN=test-authority -keyout" + file("ca-key.pem") + "-out" + file("ca.pem");
    const std::string own = make + "-subj /CN=test-server -CA" + file("ca.pem") + "-CAkey" +
                            file("ca-key.pem") + "-addext basicConstraints=critical,CA:FALSE" +
                            " -addext 'subjectAltName=" + names + "' -keyout" + file("key.pem") +
                            "-out" + file("cert.pem");
    for (const std::string& command : {authority, own}) {
      if (std::system((command + "2>'" + folder_.path("log") + "'").c_str()) != 0) {
        throw std::runtime_error("no certificate by: " + command);
      }
    }
  }

  // One client after the other.
  void serve() {
    while (true) {
      boost::system::error_code ec;
      boost::asio::ssl::stream<boost::asio::ip::tcp::socket> client(acceptor_.accept(), context_);
      if (ending_) return;
      client.handshake(boost::asio::ssl::stream_base::server, ec);
      char bytes[4096];
      if (!ec) client.read_some(boost::asio::buffer(bytes), ec);
      if (ec) continue;
      ++heard_;
      boost::asio::write(client, boost::asio::buffer(answer_), ec);
      client.shutdown(ec);
    }
  }

  TestFolder folder_;
  std::string answer_;
  boost::asio::io_context io_;
  boost::asio::ip::tcp::acceptor acceptor_{io_, {boost::asio::ip::make_address_v4("127.0.0.1"), 0}};
  boost::asio::ssl::context context_{boost::asio::ssl::context::tls_server};
  std::atomic<bool> ending_ = false;
  std::atomic<int> heard_ = 0;
  std::thread thread_;
};

}  // namespace mecapy::base
