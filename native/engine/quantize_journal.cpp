#include "engine/quantize_journal.h"

#include <string_view>

#include "io/json.h"

namespace hqq {
namespace {

std::string content_of(const OutputFile& file) {
  std::string text(static_cast<size_t>(file.size()), '\0');
  file.read_at(0, std::as_writable_bytes(std::span(text.data(), text.size())));
  return text;
}

std::string first_line(const JobIdentity& identity) {
  Json line;
  line.set("journal", 1).set("source", identity.source).set("plan", identity.plan).set("engine", identity.engine);
  return line.dump() + "\n";
}

void check_identity(const Json& line, const JobIdentity& identity, const std::string& path) {
  const auto same = [&](const char* key, const std::string& now, const std::string& what) {
    require(line.at(key).as_string() == now, ErrorCode::bad_input,
            path + ": the unfinished work here was begun " + what + "; delete it to start again");
  };
  same("engine", identity.engine, "by another version of the app");
  same("source", identity.source, "from a source model that has changed since");
  same("plan", identity.plan, "with other settings");
}

}  // namespace

QuantizeJournal::QuantizeJournal(const std::string& dir, const JobIdentity& identity)
    : file_(dir + "/" + kJournalName, OutputFile::Mode::keep) {
  const std::string text = content_of(file_);
  // Killed before the first line was whole: nothing was done yet.
  if (text.find('\n') == std::string::npos) {
    file_.resize(0);
    file_.append(first_line(identity));
    file_.sync();
  } else {
    read(text, identity);
  }
}

void QuantizeJournal::read(const std::string& text, const JobIdentity& identity) {
  size_t at = 0;
  bool first = true;
  for (size_t end; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
    const std::string_view line = std::string_view(text).substr(at, end - at);
    try {
      const Json parsed = parse_json(line);
      if (first) {
        check_identity(parsed, identity, file_.path());
      } else if (const Json* discarded = parsed.find("discard")) {
        finished_.erase(discarded->as_string());
      } else {
        finished_[parsed.at("tensor").as_string()] = {
            parsed.at("sha256").as_string(), parsed.at("meanAbsError").as_number(),
            parsed.at("relativeError").as_number(), parsed.at("seconds").as_number(), parsed.at("iterations").as_int()};
      }
    } catch (const EngineError& error) {
      require(!first || error.code() == ErrorCode::bad_input, ErrorCode::bad_file,
              file_.path() + ": the record of the unfinished work is damaged; delete it to start again");
      if (first) throw;
      break;  // a torn or damaged line: what follows is done again
    }
    first = false;
  }
  file_.resize(static_cast<int64_t>(at));
}

void QuantizeJournal::add(const std::string& tensor, const FinishedTensor& finished) {
  Json line;
  line.set("tensor", tensor)
      .set("sha256", finished.sha256)
      .set("meanAbsError", finished.mean_abs_error)
      .set("relativeError", finished.relative_error)
      .set("seconds", finished.seconds)
      .set("iterations", finished.iterations);
  file_.append(line.dump() + "\n");
}

void QuantizeJournal::discard(const std::string& tensor) {
  if (finished_.erase(tensor) == 0) return;
  Json line;
  line.set("discard", tensor);
  file_.append(line.dump() + "\n");
}

}  // namespace hqq
