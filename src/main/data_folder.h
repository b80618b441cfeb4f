// What lies where in the data folder.
#pragma once

#include <string>

namespace mecapy::main {

struct DataFolder {
  std::string path;

  std::string database() const { return path + "/mecapy.db"; }
  std::string objects() const { return path + "/objects"; }     // a folder
  std::string token() const { return path + "/token"; }         // of the user "local"
  std::string tokens() const { return path + "/tokens"; }       // hashes, of further users
  std::string socket() const { return path + "/worker.sock"; }  // of the worker's front
  std::string status() const { return path + "/serve.json"; }   // who is who, while serve runs
  std::string machines() const { return path + "/machines"; }   // a folder for each local one
  std::string lock() const { return path + "/serve.lock"; }     // held while serve runs
};

}  // namespace mecapy::main
