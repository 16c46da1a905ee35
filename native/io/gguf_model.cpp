#include "io/gguf_model.h"

#include <array>
#include <cstring>

#include "core/thread_pool.h"
#include "io/gguf_blocks.h"
#include "io/gguf_names.h"
#include "io/hqq_layer.h"
#include "quant/bitpack.h"

namespace hqq {
namespace {

using File = std::shared_ptr<const MappedFile>;

constexpr std::string_view kWeight = ".weight";

/// Row of the file behind row `row` of the model. llama.cpp turns neighbours (2i, 2i + 1) of a head together, transformers i and
/// i + half.
int64_t file_row(int64_t row, int64_t rows, int64_t paired_heads) {
  if (paired_heads == 0) return row;
  const int64_t of_head = rows / paired_heads, half = of_head / 2;
  const int64_t head = row / of_head, inside = row % of_head;
  return head * of_head + inside % half * 2 + inside / half;
}

/// A quantized matrix of the file.
struct BlockMatrix {
  File file;
  GgufTensor tensor;
  const GgufBlock* block;
  int64_t paired_heads;

  int64_t rows() const { return tensor.shape[0]; }
  int64_t columns() const { return tensor.shape[1]; }
  int64_t groups() const { return rows() * columns() / block->group; }

  QuantConfig config() const {
    QuantConfig config;
    config.nbits = block->nbits;
    config.group_size = block->group;
    config.optimize = false;
    return config;
  }

  /// Calls body(first value of the block, integers, scales, zeros) for all blocks, in parallel.
  template <typename Body>
  void each_block(Body body) const {
    const int64_t in_row = columns() / block->values;
    parallel_for(rows(), 16, [&](int64_t begin, int64_t end) {
      std::array<uint8_t, 256> q;
      std::array<float, 16> scale, zero;
      for (int64_t row = begin; row < end; ++row) {
        const int64_t source = file_row(row, rows(), paired_heads);
        const std::byte* data = file->bytes().data() + tensor.offset + source * in_row * block->bytes;
        for (int64_t i = 0; i < in_row; ++i, data += block->bytes) {
          decode_gguf_block(*block, data, q.data(), scale.data(), zero.data());
          body(row * columns() + i * block->values, q.data(), scale.data(), zero.data());
        }
      }
    });
  }

  Buffer packed() const {
    const Packing packing = packing_for(block->nbits, PackFormat::dense);
    const int64_t group = block->group;
    const Buffer integers(rows() * columns(), MemoryUse::scratch);
    each_block([&](int64_t at, const uint8_t* q, const float*, const float*) {
      std::memcpy(integers.data() + at, q, static_cast<size_t>(block->values));
    });
    Buffer out(packed_bytes(packing, groups(), group), MemoryUse::weights);
    pack(integers.as<uint8_t>(), groups(), group, packing, out.data());
    return out;
  }

  /// One number per group: scales or zeros.
  Buffer numbers(bool zeros) const {
    Buffer out(groups() * 4, MemoryUse::metadata);
    each_block([&](int64_t at, const uint8_t*, const float* scale, const float* zero) {
      const int64_t count = block->values / block->group;
      std::copy_n(zeros ? zero : scale, count, out.as<float>() + at / block->group);
    });
    return out;
  }
};

Buffer copy_of(const std::vector<std::byte>& bytes) {
  Buffer out(static_cast<int64_t>(bytes.size()), MemoryUse::metadata);
  if (!bytes.empty()) std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

void add_layer(const BlockMatrix& matrix, const std::string& module, std::vector<DerivedTensor>& out) {
  const std::vector<TensorSpec> specs = hqq_layer_specs(module, matrix.tensor.shape, matrix.config(), DType::f32);
  const std::array<std::function<Buffer()>, 3> large = {[matrix] { return matrix.packed(); },
                                                        [matrix] { return matrix.numbers(false); },
                                                        [matrix] { return matrix.numbers(true); }};
  for (size_t i = 0; i < large.size(); ++i) out.push_back({specs[i], large[i]});
  for (const ConstantTensor& small : hqq_layer_constants(module, matrix.tensor.shape, matrix.config(), DType::f32)) {
    out.push_back({small.spec, [value = small.value] { return copy_of(value); }});
  }
}

/// Plain numbers, as they are or put right.
Buffer numbers_of(const File& file, const GgufTensor& tensor, const GgufBlock& block, const GgufName& name) {
  const std::byte* data = file->bytes().data() + tensor.offset;
  Buffer out(tensor.bytes, MemoryUse::scratch);
  const int64_t rows = tensor.shape.empty() ? 1 : tensor.shape[0], row_bytes = tensor.bytes / rows;
  for (int64_t row = 0; row < rows; ++row) {
    std::memcpy(out.data() + row * row_bytes, data + file_row(row, rows, name.paired_heads) * row_bytes, static_cast<size_t>(row_bytes));
  }
  if (!name.plus_one) return out;
  const int64_t count = numel(tensor.shape);
  std::vector<float> values(static_cast<size_t>(count));
  to_f32(out.data(), block.dtype, values.data(), count);
  for (float& value : values) value -= 1.0F;
  from_f32(values.data(), block.dtype, out.data(), count);
  return out;
}

GgufHeads heads_of(const Json& metadata, const std::string& architecture, const std::string& path) {
  const auto count = [&](const std::string& key, int64_t fallback) {
    const Json* value = metadata.find(architecture + ".attention." + key);
    const bool usable = value == nullptr || (value->is_int() && value->as_int() > 0 && value->as_int() <= 65536);
    require(usable, ErrorCode::bad_file, path + ": \"" + architecture + ".attention." + key + "\" is no number of heads");
    return value ? value->as_int() : fallback;
  };
  const int64_t queries = count("head_count", 1);
  return {queries, count("head_count_kv", queries)};
}

std::string architecture_of(const Json& metadata, const std::string& path) {
  const Json* value = metadata.find("general.architecture");
  require(value != nullptr && value->is_string(), ErrorCode::bad_file, path + ": \"general.architecture\" is missing");
  require(knows_gguf_architecture(value->as_string()), ErrorCode::unsupported,
          path + ": GGUF files of architecture \"" + value->as_string().substr(0, 60) +
              "\" are not read here; take the model in its safetensors form");
  return value->as_string();
}

}  // namespace

bool is_gguf(const std::string& path) { return path.ends_with(".gguf"); }

std::vector<DerivedTensor> gguf_tensors(const File& file) {
  const std::string& path = file->path();
  const GgufFile contents = parse_gguf(file->bytes(), path);
  const std::string architecture = architecture_of(contents.metadata, path);
  const GgufHeads heads = heads_of(contents.metadata, architecture, path);
  std::vector<DerivedTensor> out;
  for (const GgufTensor& tensor : contents.tensors) {
    const auto name = model_name_of(architecture, tensor.name, heads);
    if (!name) continue;
    const int64_t rows = tensor.shape.empty() ? 1 : tensor.shape[0];
    require(name->paired_heads == 0 || rows % (2 * name->paired_heads) == 0, ErrorCode::bad_file,
            path + ": \"" + tensor.name + "\" has " + std::to_string(rows) + " rows, which do not fill its heads");
    const GgufBlock* block = gguf_block(tensor.type);
    if (block->nbits == 0) {
      const TensorSpec spec = tensor_spec(name->name, block->dtype, tensor.shape);
      out.push_back({spec, [file, tensor, block, own = *name] { return numbers_of(file, tensor, *block, own); }});
      continue;
    }
    require(tensor.shape.size() == 2 && name->name.ends_with(kWeight) && !name->plus_one, ErrorCode::unsupported,
            path + ": \"" + tensor.name + "\" is quantized, but is no matrix of a linear layer");
    const std::string module = name->name.substr(0, name->name.size() - kWeight.size());
    add_layer({file, tensor, block, name->paired_heads}, module, out);
  }
  return out;
}

}  // namespace hqq
