#include "adapters/nn/weights/unpickle.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <set>

#include "harness/core/error.h"
#include "harness/core/text.h"

namespace looktwice::weights {
namespace {

constexpr std::size_t kMostAxes = 16;

// What a pickle can build here. Values lie in one deque and point at each other, so that nesting
// costs no stack, neither here nor when they go.
struct Value {
  enum class Type {
    none,
    boolean,
    number,
    text,
    tuple,
    list,
    dictionary,
    global,
    storage,
    tensor,
    mark
  };
  Type type = Type::none;
  std::int64_t number = 0;
  std::string text = {};           // text; "module name" of a global
  std::vector<Value*> items = {};  // tuple, list; key, value, key, value of a dictionary
  PickledTensor tensor = {};       // storage and tensor
};
using Type = Value::Type;

const std::map<std::string, NumberType> kStorages = {
    {"torch DoubleStorage", NumberType::f64}, {"torch FloatStorage", NumberType::f32},
    {"torch HalfStorage", NumberType::f16},   {"torch BFloat16Storage", NumberType::bf16},
    {"torch LongStorage", NumberType::i64},   {"torch IntStorage", NumberType::i32},
    {"torch ShortStorage", NumberType::i16},  {"torch CharStorage", NumberType::i8},
    {"torch ByteStorage", NumberType::u8},    {"torch BoolStorage", NumberType::boolean}};
constexpr const char* kDictionary = "collections OrderedDict";
constexpr const char* kTensor = "torch._utils _rebuild_tensor_v2";
constexpr const char* kParameter = "torch._utils _rebuild_parameter";

class Unpickler {
 public:
  Unpickler(std::span<const std::byte> pickle, const std::string& name)
      : pickle_(pickle), name_(name) {}

  std::vector<PickledTensor> tensors() {
    while (step()) {
    }
    const Value* top = pop();
    if (top->type != Type::dictionary)
      refuse("holds no dictionary of tensors, as state_dict() gives it");
    std::vector<PickledTensor> found;
    std::set<std::string> names;
    for (std::size_t i = 0; i < top->items.size(); i += 2) {
      const Value* key = top->items[i];
      const Value* value = top->items[i + 1];
      if (key->type != Type::text) refuse("a key of the dictionary is no text");
      if (value->type != Type::tensor) refuse("'" + printable(key->text) + "' is no tensor");
      if (!names.insert(key->text).second) refuse("'" + printable(key->text) + "' is there twice");
      found.push_back(value->tensor);
      found.back().name = key->text;
    }
    return found;
  }

 private:
  [[noreturn]] void refuse(const std::string& why) const {
    throw Error(Kind::model, name_ + ": pickle: " + why);
  }

  // One opcode; false after STOP. The numbers are those of pickletools.
  bool step() {
    const auto code = static_cast<unsigned char>(integer(1));
    switch (code) {
      case 0x80: {  // PROTO
        const std::int64_t protocol = integer(1);
        if (protocol < 2 || protocol > 5) refuse("protocol " + std::to_string(protocol));
        break;
      }
      case 0x95:
        take(8);
        break;  // FRAME
      case '.':
        return false;
      case '(':
        push({.type = Type::mark});
        break;
      case 'N':
        push({});
        break;
      case 0x88:
        push({.type = Type::boolean, .number = 1});
        break;
      case 0x89:
        push({.type = Type::boolean});
        break;
      case 'K':
        push_number(integer(1));
        break;
      case 'M':
        push_number(integer(2));
        break;
      case 'J':
        push_number(static_cast<std::int32_t>(integer(4)));
        break;
      case 0x8a:
        push_number(long_integer(integer(1)));
        break;
      case 'X':
        push_text(integer(4));
        break;
      case 0x8c:
        push_text(integer(1));
        break;
      case 'c': {
        const std::string module = line();
        push_global(module + ' ' + line());
        break;
      }
      case 'i': {  // INST, of old protocols: named, whatever it is
        const std::string module = line();
        refuse_global(module + ' ' + line());
      }
      case 0x93: {  // STACK_GLOBAL
        const std::string attribute = pop(Type::text)->text;
        push_global(pop(Type::text)->text + ' ' + attribute);
        break;
      }
      case '}':
        push({.type = Type::dictionary});
        break;
      case ']':
        push({.type = Type::list});
        break;
      case ')':
        push({.type = Type::tuple});
        break;
      case 't':
        push({.type = Type::tuple, .items = since_mark()});
        break;
      case 0x85:
        push_tuple(1);
        break;
      case 0x86:
        push_tuple(2);
        break;
      case 0x87:
        push_tuple(3);
        break;
      case 'a':
        extend({pop()}, Type::list);
        break;
      case 'e':
        extend(since_mark(), Type::list);
        break;
      case 's': {
        Value* value = pop();
        extend({pop(), value}, Type::dictionary);
        break;
      }
      case 'u':
        extend(since_mark(), Type::dictionary);
        break;
      case 'q':
        memo_[integer(1)] = top();
        break;
      case 'r':
        memo_[integer(4)] = top();
        break;
      case 0x94:
        memo_[static_cast<std::int64_t>(memo_.size())] = top();
        break;
      case 'h':
        push_again(integer(1));
        break;
      case 'j':
        push_again(integer(4));
        break;
      case '0':
        pop();
        break;
      case 'Q':
        push_storage(pop(Type::tuple));
        break;
      case 'R':
        reduce();
        break;
      case 'b':  // BUILD: state_dict() hangs _metadata on its OrderedDict; it is not looked at.
        pop();
        if (top()->type != Type::dictionary) refuse("sets the state of something unknown");
        break;
      default:
        refuse("opcode " + std::to_string(code) + " at byte " + std::to_string(at_ - 1) +
               " is not one of a state_dict");
    }
    return true;
  }

  std::span<const std::byte> take(std::uint64_t count) {
    if (count > pickle_.size() - at_) refuse("ends in the middle");
    const auto taken = pickle_.subspan(at_, count);
    at_ += count;
    return taken;
  }

  std::int64_t integer(std::size_t bytes) {
    std::uint64_t value = 0;
    const auto taken = take(bytes);
    for (std::size_t i = 0; i < bytes; ++i)
      value |= std::to_integer<std::uint64_t>(taken[i]) << (8 * i);
    return static_cast<std::int64_t>(value);
  }

  std::int64_t long_integer(std::int64_t bytes) {
    if (bytes > 8) refuse("a number of " + std::to_string(bytes) + " bytes");
    if (bytes == 0) return 0;
    auto value = static_cast<std::uint64_t>(integer(static_cast<std::size_t>(bytes)));
    const int unused = 64 - 8 * static_cast<int>(bytes);
    return static_cast<std::int64_t>(value << unused) >> unused;
  }

  std::string line() {
    std::string text;
    for (char c; (c = static_cast<char>(integer(1))) != '\n';) text += c;
    return text;
  }

  void push(Value value) {
    values_.push_back(std::move(value));
    stack_.push_back(&values_.back());
  }
  void push_number(std::int64_t number) { push({.type = Type::number, .number = number}); }
  void push_text(std::int64_t size) {
    const auto taken = take(static_cast<std::uint64_t>(size));
    push({.type = Type::text, .text = {reinterpret_cast<const char*>(taken.data()), taken.size()}});
  }
  void push_again(std::int64_t place) {
    const auto found = memo_.find(place);
    if (found == memo_.end()) refuse("recalls what it never kept");
    stack_.push_back(found->second);
  }
  void push_tuple(std::size_t size) {
    std::vector<Value*> items(size);
    for (std::size_t i = size; i-- > 0;) items[i] = pop();
    push({.type = Type::tuple, .items = std::move(items)});
  }

  Value* top() const {
    if (stack_.empty() || stack_.back()->type == Type::mark) refuse("takes from an empty stack");
    return stack_.back();
  }
  Value* pop() {
    Value* value = top();
    stack_.pop_back();
    return value;
  }
  Value* pop(Type type) {
    Value* value = pop();
    if (value->type != type)
      refuse("finds something else than it needs at byte " + std::to_string(at_));
    return value;
  }

  std::vector<Value*> since_mark() {
    const auto mark = std::find_if(stack_.rbegin(), stack_.rend(),
                                   [](const Value* value) { return value->type == Type::mark; });
    if (mark == stack_.rend()) refuse("misses a mark");
    std::vector<Value*> items(mark.base(), stack_.end());
    stack_.erase(mark.base() - 1, stack_.end());
    return items;
  }

  void extend(const std::vector<Value*>& items, Type type) {
    Value* target = top();
    if (target->type != type || (type == Type::dictionary && items.size() % 2 != 0))
      refuse("fills what cannot be filled");
    target->items.insert(target->items.end(), items.begin(), items.end());
  }

  // ("storage", the type, the name of its member, the device it was on, how many numbers)
  void push_storage(const Value* id) {
    const auto& part = id->items;
    if (part.size() != 5 || part[0]->type != Type::text || part[0]->text != "storage" ||
        part[1]->type != Type::global || part[2]->type != Type::text ||
        part[4]->type != Type::number)
      refuse("a storage is not as torch.save writes it");
    const auto type = kStorages.find(part[1]->text);
    if (type == kStorages.end()) refuse_global(part[1]->text);
    push({.type = Type::storage,
          .tensor = {
              .storage = part[2]->text, .type = type->second, .storage_size = part[4]->number}});
  }

  // Named is refused already, before anything could be done with it.
  void push_global(std::string name) {
    if (name != kDictionary && name != kTensor && name != kParameter && !kStorages.contains(name))
      refuse_global(name);
    push({.type = Type::global, .text = std::move(name)});
  }

  [[noreturn]] void refuse_global(const std::string& global) const {
    refuse("asks for '" + printable(global) +
           "'; only plain tensors are read. If you trust the file, save it anew as "
           "safetensors");
  }

  void reduce() {
    const Value* arguments = pop(Type::tuple);
    const Value* function = pop(Type::global);
    const auto& part = arguments->items;
    if (function->text == kDictionary && part.empty()) return push({.type = Type::dictionary});
    if (function->text == kTensor && part.size() >= 4) return push_tensor(part);
    if (function->text == kParameter && !part.empty() && part[0]->type == Type::tensor)
      return stack_.push_back(part[0]);
    refuse_global(function->text);
  }

  // (storage, offset, shape, stride, ...)
  void push_tensor(const std::vector<Value*>& part) {
    if (part[0]->type != Type::storage || part[1]->type != Type::number)
      refuse("a tensor is not as torch.save writes it");
    Value made{.type = Type::tensor, .tensor = part[0]->tensor};
    made.tensor.offset = part[1]->number;
    made.tensor.shape = numbers(part[2]);
    made.tensor.stride = numbers(part[3]);
    push(std::move(made));
  }

  Shape numbers(const Value* tuple) const {
    if (tuple->type != Type::tuple || tuple->items.size() > kMostAxes)
      refuse("a shape is no tuple of numbers");
    Shape shape;
    for (const Value* item : tuple->items) {
      if (item->type != Type::number) refuse("a shape is no tuple of numbers");
      shape.push_back(item->number);
    }
    return shape;
  }

  const std::span<const std::byte> pickle_;
  const std::string& name_;
  std::size_t at_ = 0;
  std::deque<Value> values_;
  std::vector<Value*> stack_;
  std::map<std::int64_t, Value*> memo_;
};

}  // namespace

std::vector<PickledTensor> unpickled(std::span<const std::byte> pickle, const std::string& name) {
  return Unpickler(pickle, name).tensors();
}

}  // namespace looktwice::weights
