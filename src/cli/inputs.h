// What people type, turned into what the house works with.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "model/limits.h"

namespace mecapy::cli {

// The inputs object (JSON) of `--inputs` words: "@file.json" is a file that holds an object, "@-"
// standard input that does; "k=v" sets one member, v being JSON when it is, else a string, and
// "k=@file.json" or "k=@-" to the JSON value in there; spaces around k and v do not count. Later
// words win, and all over the members of `before`, a JSON object. usage names the wrong word, a
// file that cannot be read or holds no JSON, and a name that two words "k=v" set.
Result<std::string> read_inputs(const std::vector<std::string>& words,
                                const std::string& before = "{}");

// Whether `content` of the file `name` is JSON. usage, with line and column.
Result<void> check_json(const std::string& content, const std::string& name);

// Whether one of the words is "@-" or "k=@-".
bool reads_standard_input(const std::vector<std::string>& words);

// The names of the members of `inputs`, a JSON object; none when it is no object.
std::vector<std::string> input_names(const std::string& inputs);

// "a, b, c"; of many the first.
std::string listed(const std::vector<std::string>& names);

// What is doubtful about `given`, the inputs of one run of a task whose own are `own`, both JSON
// objects: each name that the task has not, with the nearest one; for people. Nothing when the task
// has none of its own.
std::vector<std::string> doubts_about_names(const std::string& given, const std::string& own,
                                            const std::string& task);

// What is doubtful about `--inputs` words that are well-formed, such as a decimal comma; for
// people.
std::vector<std::string> doubts_about_inputs(const std::vector<std::string>& words);

// `limits` with those of `--limit` words "name=value" set. usage for an unknown name (with the
// nearest one, and all that there are) or a value that is none.
Result<model::Limits> read_limits(const std::vector<std::string>& words, model::Limits limits = {});
// The same as the JSON object of those that are named, for a server.
Result<std::string> limits_object(const std::vector<std::string>& words);

// A Python file, or standard input for "-". not_found when there is none; usage when it cannot be
// read; for a folder the message names the file in it.
Result<std::string> read_code(const std::string& file);

}  // namespace mecapy::cli
