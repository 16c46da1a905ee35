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
constexpr int64_t kMaxExperts = 4096;

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

  /// The file's own half precision where it holds the zero as well, which then is the same in all groups: 8, 16 or 128.
  DType meta_dtype() const { return block->symmetric ? DType::f16 : DType::f32; }

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
    const DType dtype = meta_dtype();
    Buffer out(groups() * size_of(dtype), MemoryUse::metadata);
    each_block([&](int64_t at, const uint8_t*, const float* scale, const float* zero) {
      const int64_t count = block->values / block->group;
      from_f32(zeros ? zero : scale, dtype, out.data() + at / block->group * size_of(dtype), count);
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
  const std::vector<TensorSpec> specs = hqq_layer_specs(module, matrix.tensor.shape, matrix.config(), matrix.meta_dtype());
  const std::array<std::function<Buffer()>, 3> large = {[matrix] { return matrix.packed(); },
                                                        [matrix] { return matrix.numbers(false); },
                                                        [matrix] { return matrix.numbers(true); }};
  for (size_t i = 0; i < large.size(); ++i) out.push_back({specs[i], large[i]});
  for (const ConstantTensor& small : hqq_layer_constants(module, matrix.tensor.shape, matrix.config(), matrix.meta_dtype())) {
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

/// The tensor itself, or one of each expert.
struct Part {
  GgufTensor tensor;
  std::string name;
};

std::vector<Part> parts_of(const GgufTensor& tensor, const GgufName& name, const std::string& path) {
  if (!name.experts) return {{tensor, name.name}};
  require(tensor.shape.size() == 3 && tensor.shape[0] <= kMaxExperts, ErrorCode::bad_file,
          path + ": \"" + tensor.name + "\" does not hold a matrix for each of at most " + std::to_string(kMaxExperts) + " experts");
  std::vector<Part> parts;
  const int64_t bytes = tensor.bytes / tensor.shape[0];
  const size_t star = name.name.find('*');
  for (int64_t i = 0; i < tensor.shape[0]; ++i) {
    Part part{tensor, name.name};
    part.name.replace(star, 1, std::to_string(i));
    part.tensor.shape.erase(part.tensor.shape.begin());
    part.tensor.offset += i * bytes;
    part.tensor.bytes = bytes;
    parts.push_back(std::move(part));
  }
  return parts;
}

/// The weight of a shared expert is one row, which the file may list as a plain vector.
Shape model_shape(const Part& part) {
  const bool row = part.tensor.shape.size() == 1 && part.name.ends_with("shared_expert_gate.weight");
  return row ? Shape{1, part.tensor.shape[0]} : part.tensor.shape;
}

void add_plain(const File& file, const Part& part, const GgufBlock& block, const GgufName& name, std::vector<DerivedTensor>& out) {
  const TensorSpec spec = tensor_spec(part.name, block.dtype, model_shape(part));
  out.push_back({spec, [file, tensor = part.tensor, block = &block, name] { return numbers_of(file, tensor, *block, name); }});
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
    for (const Part& part : parts_of(tensor, *name, path)) {
      if (block->nbits == 0) {
        add_plain(file, part, *block, *name, out);
        continue;
      }
      require(part.tensor.shape.size() == 2 && part.name.ends_with(kWeight) && !name->plus_one, ErrorCode::unsupported,
              path + ": \"" + tensor.name + "\" is quantized, but is no matrix of a linear layer");
      add_layer({file, part.tensor, block, name->paired_heads}, part.name.substr(0, part.name.size() - kWeight.size()), out);
    }
  }
  return out;
}

}  // namespace hqq
