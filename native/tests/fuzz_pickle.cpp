// Hostile files of torch.save: an input that starts like an archive is one, any other is the pickle of an archive with two storages.
// Whatever is read is made, so that a tensor that leaves its storage shows.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <string>

#include "core/error.h"
#include "io/torch_file.h"

namespace {

void put_number(std::string& out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
}

std::string pickle_archive(const std::string& pickle) {
  std::string file, directory;
  int members = 0;
  const auto add = [&](const std::string& name, const std::string& data) {
    const uint64_t place = file.size();
    put_number(file, 0x04034b50, 4);
    file.append(14, '\0');
    put_number(file, data.size(), 4), put_number(file, data.size(), 4), put_number(file, name.size(), 4);
    file += name + data;
    put_number(directory, 0x02014b50, 4);
    directory.append(16, '\0');
    put_number(directory, data.size(), 4), put_number(directory, data.size(), 4), put_number(directory, name.size(), 2);
    directory.append(12, '\0');
    put_number(directory, place, 4);
    directory += name;
    ++members;
  };
  add("m/data.pkl", pickle);
  add("m/data/0", std::string(24, 'a'));
  add("m/data/1", std::string(64, 'b'));
  const uint64_t begin = file.size();
  file += directory;
  put_number(file, 0x06054b50, 4), put_number(file, 0, 4);
  put_number(file, static_cast<uint64_t>(members), 2), put_number(file, static_cast<uint64_t>(members), 2);
  put_number(file, directory.size(), 4), put_number(file, begin, 4), put_number(file, 0, 2);
  return file;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  const std::string file = input.starts_with("PK\x03\x04") ? input : pickle_archive(input);
  static const int fd = memfd_create("pickle", 0);
  static const std::string path = "/proc/self/fd/" + std::to_string(fd);
  if (ftruncate(fd, 0) != 0 || pwrite(fd, file.data(), file.size(), 0) != static_cast<ssize_t>(file.size())) return 0;
  try {
    for (const hqq::TorchTensor& tensor : hqq::torch_tensors(std::make_shared<hqq::MappedFile>(path))) {
      if (tensor.make) (void)tensor.make();
    }
  } catch (const hqq::EngineError&) {  // the one way to say no
  }
  return 0;
}
