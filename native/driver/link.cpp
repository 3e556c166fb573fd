// Linking of PTX: the texts become one, and what one declares the other may define.
#include <cctype>
#include <cstring>

#include "jit.hpp"

namespace talweg::driver {

struct LinkState {
  CUlinkState handle = nullptr;
  Context* context = nullptr;
  std::string text;
  struct Part {
    std::string name;
    int first_line;
  };
  std::vector<Part> parts;
  int lines = 0;

  void add(const std::string& name, std::string_view ptx);
  std::string place(int line) const;
};

namespace {

HandleTable<CUlinkState, LinkState>& link_states = *new HandleTable<CUlinkState, LinkState>;

bool starts_with(std::string_view text, std::string_view start) { return text.substr(0, start.size()) == start; }

// File numbers and labels of strings are each text's own: those of the n-th get its number in front.
std::string renumbered(std::string_view line, size_t part) {
  std::string result;
  const size_t indent = std::min(line.find_first_not_of(" \t"), line.size());
  const std::string_view word = line.substr(indent);
  const bool has_file = starts_with(word, ".file") || starts_with(word, ".loc");
  bool after_keyword = has_file;
  for (size_t i = 0; i < line.size(); ++i) {
    const bool number_starts = std::isdigit(static_cast<unsigned char>(line[i])) != 0 && i > 0 &&
                               (line[i - 1] == ' ' || line[i - 1] == '\t');
    if (after_keyword && number_starts) {
      result += std::to_string(part) + "0000";
      after_keyword = false;
    }
    if (has_file && starts_with(line.substr(i), "inlined_at")) after_keyword = true;
    if (starts_with(line.substr(i), "$L__info_string")) {
      result += "$L__part" + std::to_string(part);
      ++i;
      continue;
    }
    result += line[i];
  }
  return result;
}

bool is_header(std::string_view line) {
  const std::string_view word = line.substr(std::min(line.find_first_not_of(" \t"), line.size()));
  return starts_with(word, ".version") || starts_with(word, ".target") || starts_with(word, ".address_size");
}

// Options are those of the call alone: JCuda frees the ones it gave to cuLinkCreate as soon as that returns.
CUresult add(LinkState& state, int type, std::string_view data, const char* name, const JitOptions& options) {
  while (!data.empty() && data.back() == 0) data.remove_suffix(1);
  const std::string ptx(data);
  if (ptx.size() < 4) return options.fail(CUDA_ERROR_INVALID_IMAGE, "the input is empty");
  const CUresult image = check_image(ptx.c_str(), options);
  if (image != CUDA_SUCCESS) return image;
  // What cuLinkComplete made counts as a cubin to its caller, and is PTX here.
  if (type != kJitInputPtx && type != kJitInputCubin) {
    return options.fail(CUDA_ERROR_NO_BINARY_FOR_GPU, "the software device links PTX alone");
  }
  state.add(name == nullptr ? "input " + std::to_string(state.parts.size() + 1) : name, ptx);
  options.succeed();
  return CUDA_SUCCESS;
}

template <class Body>
CUresult with_link(CUlinkState handle, Body body) {
  return with_object(link_states, handle, [&](Context&, LinkState& state) { return body(state); });
}

}  // namespace

void LinkState::add(const std::string& name, std::string_view ptx) {
  parts.push_back({name, lines + 1});
  for (size_t start = 0; start < ptx.size();) {
    const size_t end = std::min(ptx.find('\n', start), ptx.size());
    const std::string_view line = ptx.substr(start, end - start);
    // One header is enough; an empty line in its place keeps the count.
    if (parts.size() == 1) {
      text += line;
    } else if (!is_header(line)) {
      text += renumbered(line, parts.size());
    }
    text += '\n';
    ++lines;
    start = end + 1;
  }
}

std::string LinkState::place(int line) const {
  for (size_t i = parts.size(); i-- > 0;) {
    if (line >= parts[i].first_line) {
      return parts[i].name + " line " + std::to_string(line - parts[i].first_line + 1);
    }
  }
  return "line " + std::to_string(line);
}

void drop_links(const Context& context) {
  link_states.remove_if([&](const LinkState& state) { return state.context == &context; });
}

}  // namespace talweg::driver

using namespace talweg::driver;

TALWEG_EXPORT CUresult cuLinkCreate_v2(unsigned, int*, void**, CUlinkState* output) {
  return with_context([&](Context& context) -> CUresult {
    if (output == nullptr) return CUDA_ERROR_INVALID_VALUE;
    auto state = std::make_shared<LinkState>();
    state->context = &context;
    *output = link_states.add(std::move(state));
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuLinkAddData_v2(CUlinkState handle, int type, void* data, size_t bytes, const char* name,
                                        unsigned count, int* options, void** values) {
  return with_link(handle, [&](LinkState& state) -> CUresult {
    if (data == nullptr || bytes == 0) return CUDA_ERROR_INVALID_VALUE;
    return add(state, type, {static_cast<const char*>(data), bytes}, name,
               JitOptions(count, options, values));
  });
}

TALWEG_EXPORT CUresult cuLinkAddFile_v2(CUlinkState handle, int type, const char* path, unsigned count,
                                        int* options, void** values) {
  return with_link(handle, [&](LinkState& state) -> CUresult {
    std::string text;
    if (path == nullptr) return CUDA_ERROR_INVALID_VALUE;
    if (!read_file(path, text)) return CUDA_ERROR_FILE_NOT_FOUND;
    return add(state, type, text, path, JitOptions(count, options, values));
  });
}

// The image belongs to the link state and ends with it.
TALWEG_EXPORT CUresult cuLinkComplete(CUlinkState handle, void** image, size_t* bytes) {
  return with_link(handle, [&](LinkState& state) -> CUresult {
    if (image == nullptr) return CUDA_ERROR_INVALID_VALUE;
    if (state.parts.empty()) return CUDA_ERROR_INVALID_IMAGE;
    talweg::DeviceMemory nowhere(uint64_t{1} << 40);
    talweg::ptx::LoadError error;
    if (talweg::ptx::Module::load(state.text, nowhere, error) == nullptr) {
      set_report(state.place(error.line) + ": " + error.message);
      return CUDA_ERROR_INVALID_PTX;
    }
    *image = state.text.data();
    if (bytes != nullptr) *bytes = state.text.size() + 1;
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuLinkDestroy(CUlinkState handle) {
  return with_link(handle, [&](LinkState&) {
    link_states.remove(handle);
    return CUDA_SUCCESS;
  });
}
