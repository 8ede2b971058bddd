#include "suites/datasets/layout.h"

#include <unicode/unorm2.h>
#include <unicode/ustring.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <system_error>

#include "harness/core/error.h"
#include "harness/core/options.h"
#include "harness/core/random.h"
#include "harness/core/text.h"

namespace looktwice::datasets {
namespace {

namespace fs = std::filesystem;

std::string shown(const fs::path& path) {
  return printable(path.string(), 1000);
}

// "MVTec-AD" and "mvtec_ad" are the same folder name to a searcher.
std::string loose_name(std::string_view name) {
  std::string loose = lower_ascii(name);
  std::erase_if(loose, [](char c) { return c == '_' || c == '-' || c == ' ' || c == '.'; });
  return loose;
}

bool is_beneath(const fs::path& path, const fs::path& root) {
  const auto [end, rest] = std::mismatch(root.begin(), root.end(), path.begin(), path.end());
  return end == root.end();
}

std::vector<fs::directory_entry> sorted_entries(const fs::path& folder) {
  std::vector<fs::directory_entry> entries;
  std::error_code fault;
  for (fs::directory_iterator it(folder, fault), end; !fault && it != end; it.increment(fault))
    if (!is_clutter_name(it->path().filename().native())) entries.push_back(*it);
  if (fault && fault != std::errc::no_such_file_or_directory && fault != std::errc::not_a_directory)
    throw Error(Kind::data, shown(folder) + ": " + fault.message());
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    return a.path().filename().native() < b.path().filename().native();
  });
  return entries;
}

bool is_folder(const fs::directory_entry& entry) {
  std::error_code fault;
  return entry.is_directory(fault);
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

}  // namespace

bool is_image_name(std::string_view name) {
  static constexpr std::array kSuffixes = {".png", ".jpg",  ".jpeg", ".bmp",
                                           ".tif", ".tiff", ".webp"};
  const std::string lower = lower_ascii(name);
  return !is_clutter_name(name) &&
         std::any_of(kSuffixes.begin(), kSuffixes.end(),
                     [&](auto suffix) { return lower.ends_with(suffix) && lower != suffix; });
}

bool is_clutter_name(std::string_view name) {
  const std::string lower = lower_ascii(name);
  return name.starts_with('.') || lower == "thumbs.db" || lower == "desktop.ini" ||
         lower == "__macosx";
}

std::string stem_of(std::string_view name) {
  if (const auto slash = name.rfind('/'); slash != name.npos) name.remove_prefix(slash + 1);
  return std::string(name.substr(0, name.rfind('.')));
}

std::string id_of(std::string_view relative) {
  std::string id;
  const auto escape = [&](char c) {
    static constexpr char kDigits[] = "0123456789ABCDEF";
    const auto byte = static_cast<unsigned char>(c);
    id += '%';
    id += kDigits[byte >> 4];
    id += kDigits[byte & 15];
  };
  while (!relative.empty()) {
    // The longest prefix that is one UTF-8 character; a byte that starts none is escaped alone.
    std::size_t bytes = 1;
    while (bytes <= 4 && bytes <= relative.size() && !is_valid_utf8(relative.substr(0, bytes)))
      ++bytes;
    const bool valid = bytes <= 4 && bytes <= relative.size();
    const char c = relative.front();
    if (!valid) bytes = 1;
    if (!valid || static_cast<unsigned char>(c) < 0x20 || c == 0x7F || c == '%' || c == '#')
      escape(c);
    else
      id += relative.substr(0, bytes);
    relative.remove_prefix(bytes);
  }
  return id;
}

std::string relative_of(std::string_view id) {
  id = id.substr(0, id.find('#'));
  std::string relative;
  for (std::size_t i = 0; i < id.size(); ++i) {
    const int high = id[i] == '%' && i + 2 < id.size() ? hex_digit(id[i + 1]) : -1;
    const int low = high >= 0 ? hex_digit(id[i + 2]) : -1;
    relative += low >= 0 ? static_cast<char>(high * 16 + low) : id[i];
    if (low >= 0) i += 2;
  }
  return relative;
}

std::string twin_key(std::string_view name) {
  const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  if (std::all_of(name.begin(), name.end(), is_ascii)) return lower_ascii(name);
  std::string text = valid_utf8(name);
  UErrorCode fault = U_ZERO_ERROR;
  std::u16string wide(text.size() + 1, u'\0'), folded(4 * wide.size(), u'\0'),
      normal(4 * folded.size(), u'\0');
  std::int32_t length = 0;
  u_strFromUTF8(wide.data(), static_cast<std::int32_t>(wide.size()), &length, text.data(),
                static_cast<std::int32_t>(text.size()), &fault);
  length = u_strFoldCase(folded.data(), static_cast<std::int32_t>(folded.size()), wide.data(),
                         length, U_FOLD_CASE_DEFAULT, &fault);
  const UNormalizer2* nfc = unorm2_getNFCInstance(&fault);
  length = unorm2_normalize(nfc, folded.data(), length, normal.data(),
                            static_cast<std::int32_t>(normal.size()), &fault);
  if (U_FAILURE(fault)) return text;
  return {reinterpret_cast<const char*>(normal.data()), 2 * static_cast<std::size_t>(length)};
}

std::string chosen_variant(const std::string& dataset, const std::vector<std::string>& known,
                           const std::string& asked) {
  if (asked.empty()) return known.empty() ? std::string() : known.front();
  if (std::find(known.begin(), known.end(), asked) != known.end()) return asked;
  std::string message = dataset + " has no variant '" + printable(asked) + "'";
  if (known.empty()) throw Error(Kind::usage, message + "; it has none");
  if (const std::string near = nearest(asked, known); !near.empty())
    message += "; did you mean '" + near + "'?";
  message += " (known:";
  for (const std::string& name : known) message += " " + name;
  throw Error(Kind::usage, message + ")");
}

fs::path found_root(const fs::path& data_root, const Search& search) {
  std::error_code fault;
  if (!fs::is_directory(data_root, fault))
    throw Error(Kind::data, shown(data_root) + ": is no folder; --data_root names the folder of " +
                                search.title + " or a parent of it");
  std::vector<fs::path> level = {data_root}, seen;
  for (int depth = 0; depth <= 4 && !level.empty(); ++depth) {
    std::vector<fs::path> below;
    for (const fs::path& folder : level) {
      if (search.fits(folder)) return fs::canonical(folder);
      seen.push_back(folder);
      for (const auto& entry : sorted_entries(folder)) {
        const std::string name = loose_name(entry.path().filename().native());
        const bool usual =
            std::any_of(search.usual_names.begin(), search.usual_names.end(),
                        [&](const std::string& known) { return loose_name(known) == name; });
        if (usual && is_folder(entry)) below.push_back(entry.path());
      }
    }
    level = std::move(below);
  }
  for (const fs::path& folder : seen)
    if (fs::is_regular_file(folder / "meta.json", fault)) return fs::canonical(folder);
  std::string message = shown(data_root) + ": holds no " + search.title + "; looked into";
  for (const fs::path& folder : seen) message += " '" + shown(folder) + "'";
  throw Error(Kind::data, message + " for " + search.layout + " or a meta.json");
}

Gathering::Gathering(const fs::path& root) : root_(fs::canonical(root)) {
  set_.root = root_;
}

fs::path Gathering::path(const std::string& relative) const {
  return relative.empty() ? root_ : root_ / relative;
}

bool Gathering::has_folder(const std::string& relative) const {
  std::error_code fault;
  return fs::is_directory(path(relative), fault) && !leads_out(path(relative));
}

bool Gathering::has_file(const std::string& relative) const {
  std::error_code fault;
  return fs::is_regular_file(path(relative), fault) && !leads_out(path(relative));
}

bool Gathering::leads_out(const fs::path& path) const {
  std::error_code fault;
  const fs::path real = fs::canonical(path, fault);
  return !fault &&
         !is_beneath(real, root_);  // a broken link leads nowhere; it fails when it is opened
}

std::vector<std::string> Gathering::folders(const std::string& relative) const {
  std::vector<std::string> names;
  for (const auto& entry : sorted_entries(path(relative))) {
    if (!is_folder(entry)) continue;
    if (entry.is_symlink() && leads_out(entry.path()))
      throw Error(Kind::data, shown(entry.path()) + ": a symbolic link that leads out of '" +
                                  shown(root_) + "'; put the folder itself there");
    names.push_back(entry.path().filename().native());
  }
  return names;
}

std::vector<std::string> Gathering::images(const std::string& relative) {
  std::vector<std::string> names;
  for (const auto& entry : sorted_entries(path(relative))) {
    const std::string name = entry.path().filename().native();
    const std::string at = joined(relative, name);
    if (is_folder(entry)) {
      if (is_image_name(name)) note("folders named like a picture are left out", at);
      continue;
    }
    if (!is_image_name(name)) {
      note("files that are no pictures lie among the pictures", at);
      continue;
    }
    if (entry.is_symlink() && leads_out(entry.path()))
      throw Error(Kind::data, shown(entry.path()) + ": a symbolic link that leads out of '" +
                                  shown(root_) + "'; put the file itself there");
    names.push_back(name);
  }
  return names;
}

std::string Gathering::listed_file(const std::string& text, const Refuse& refuse) {
  const auto no = [&](const std::string& why) {
    refuse("'" + printable(text) + "' " + why);
    throw Error(Kind::data, "'" + printable(text) + "' " + why);
  };
  if (text.empty()) no("is no path");
  if (text.find('\0') != text.npos) no("holds a NUL");
  if (text.find('\\') != text.npos) no("holds a backslash; paths are written with '/'");
  if (text.find("://") != text.npos) no("is a URL; only files beneath the data set are read");
  std::vector<std::string> parts;
  for (const fs::path& part : fs::path(text).relative_path()) {
    if (part == "..") no("leads up with '..'");
    if (part != "." && !part.empty()) parts.push_back(part.native());
  }
  if (parts.empty()) no("is no path");

  const auto from = [&](std::size_t first) {
    std::string relative;
    for (std::size_t i = first; i < parts.size(); ++i) relative = joined(relative, parts[i]);
    return relative;
  };
  std::string relative = from(0);
  const bool absolute = fs::path(text).is_absolute();
  const bool inside = absolute && is_beneath(fs::path(text).lexically_normal(), root_);
  if (inside) relative = fs::path(text).lexically_normal().lexically_relative(root_).native();
  std::error_code fault;
  fs::file_status link = fs::symlink_status(path(relative), fault);
  bool there = fs::exists(link) && (inside || !absolute);
  // Lists made elsewhere name the root's folder, too: "/mnt/data/brain/test/good/1.png",
  // "brain/test/good/1.png".
  for (std::size_t i = parts.size() - 1; !there && i-- > 0;) {
    if (parts[i] != root_.filename().native()) continue;
    const fs::file_status other = fs::symlink_status(path(from(i + 1)), fault);
    if (!fs::exists(other)) continue;
    there = true;
    relative = from(i + 1);
    link = other;
  }
  if (!there && absolute && !inside) no("lies outside of '" + shown(root_) + "'");

  const fs::path file = path(relative);
  const auto [parent, is_new] = parents_.try_emplace(file.parent_path(), true);
  if (is_new) parent->second = !leads_out(file.parent_path());
  if (!parent->second || (fs::is_symlink(link) && leads_out(file)))
    no("leads out of '" + shown(root_) + "' by a symbolic link");
  if (fs::is_symlink(link)) link = fs::status(file, fault);
  if (!there || !fs::exists(link))
    note("listed files are not there", relative);
  else if (!fs::is_regular_file(link))
    no("is no regular file");
  return relative;
}

Sample& Gathering::add(const std::string& relative, const std::string& category, bool anomalous,
                       const std::string& defect) {
  Sample& sample = set_.test.emplace_back();
  sample.id = id_of(relative);
  sample.category = category;
  sample.image.path = path(relative);
  sample.truth.anomalous = anomalous;
  sample.truth.defect = defect;
  return sample;
}

void Gathering::add_train(const std::string& category, const std::string& relative) {
  add_train(category, ImageFile{.path = path(relative)});
}

void Gathering::add_train(const std::string& category, ImageFile image) {
  set_.normal_train[category].push_back(std::move(image));
}

void Gathering::note(const std::string& kind, const std::string& example) {
  auto& [count, first] = notes_[kind];
  if (++count == 1) first = example;
}

void Gathering::sort_samples() {
  std::sort(set_.test.begin(), set_.test.end(),
            [](const Sample& a, const Sample& b) { return a.id < b.id; });
}

void Gathering::settle_masks() {
  std::set<std::string> masked;
  for (const Sample& sample : set_.test)
    if (!sample.truth.masks.empty()) masked.insert(sample.category);
  for (Sample& sample : set_.test) {
    if (!masked.contains(sample.category)) continue;
    sample.truth.has_mask = !*sample.truth.anomalous || !sample.truth.masks.empty();
    if (!sample.truth.has_mask) note("anomalous images without a mask", sample.id);
  }
}

void Gathering::keep_quarter_of_normals() {
  sort_samples();
  std::vector<Sample> normals, kept;
  for (Sample& sample : set_.test)
    (*sample.truth.anomalous ? kept : normals).push_back(std::move(sample));
  const auto order = permutation(static_cast<std::uint32_t>(normals.size()), 42);
  for (std::size_t i = 0; i < order.size(); ++i) {
    Sample& sample = normals[order[i]];
    if (i < (normals.size() + 3) / 4)
      kept.push_back(std::move(sample));
    else
      add_train(sample.category, std::move(sample.image));
  }
  set_.test = std::move(kept);
}

Dataset Gathering::finished(const std::map<std::string, ExpectedCount>& expected) {
  if (set_.test.empty())
    throw Error(Kind::data,
                shown(root_) + ": holds no test image (.png .jpg .jpeg .bmp .tif .tiff .webp)");
  sort_samples();
  for (auto& [category, images] : set_.normal_train)
    std::sort(images.begin(), images.end(), [](const ImageFile& a, const ImageFile& b) {
      return std::pair(a.path.native(), a.region ? a.region->x : 0) <
             std::pair(b.path.native(), b.region ? b.region->x : 0);
    });
  std::map<std::string, std::string> twins;
  for (std::size_t i = 0; i < set_.test.size(); ++i) {
    const std::string& id = set_.test[i].id;
    if (i > 0 && set_.test[i - 1].id == id)
      throw Error(Kind::data, shown(root_) + ": '" + printable(id) + "' is listed twice");
    const auto [other, is_new] = twins.try_emplace(twin_key(relative_of(id)), id);
    if (!is_new && relative_of(other->second) != relative_of(id))
      note("names differ only by case or Unicode form, so some file systems keep one of them",
           other->second + " and " + id);
  }

  std::map<std::string, ExpectedCount> counts;
  for (const Sample& sample : set_.test) {
    ExpectedCount& count = counts[sample.category];
    ++(sample.truth.anomalous.value_or(false) ? count.anomalous : count.normal);
  }
  for (const auto& [category, count] : expected) {
    const ExpectedCount found = counts[category];
    if (found.normal != count.normal || found.anomalous != count.anomalous)
      note(std::string(kUnknownEdition) + ": classes have other counts than the literature",
           category + " has " + std::to_string(found.normal) + " normal and " +
               std::to_string(found.anomalous) + " anomalous images, not " +
               std::to_string(count.normal) + " and " + std::to_string(count.anomalous));
  }
  for (const auto& [category, count] : counts)
    if (!expected.empty() && !expected.contains(category))
      note(std::string(kUnknownEdition) + ": classes that the literature does not have", category);

  for (const auto& [kind, found] : notes_) {
    std::string text = found.first > 1 ? std::to_string(found.first) + " x " + kind : kind;
    if (!found.second.empty())
      text += (found.first > 1 ? ", first: " : ": ") + printable(found.second);
    set_.warnings.push_back(std::move(text));
  }
  notes_.clear();
  return std::move(set_);
}

MaskFolder::MaskFolder(Gathering& gathering, std::string relative)
    : gathering_(gathering), relative_(std::move(relative)) {
  for (const std::string& name : gathering_.images(relative_)) names_.emplace(stem_of(name), name);
}

std::vector<std::string> MaskFolder::masks_of(std::string_view image,
                                              const std::vector<std::string>& endings) {
  std::vector<std::string> masks;
  for (const std::string& ending : endings) {
    const auto [first, last] = names_.equal_range(stem_of(image) + ending);
    for (auto it = first; it != last; ++it) {
      used_.insert(it->second);
      masks.push_back(joined(relative_, it->second));
    }
  }
  return masks;
}

void MaskFolder::done() {
  for (const auto& [stem, name] : names_)
    if (!used_.contains(name)) gathering_.note("masks without an image", joined(relative_, name));
}

std::string joined(std::string_view folder, std::string_view name) {
  if (folder.empty() || name.empty()) return std::string(folder) + std::string(name);
  return std::string(folder) + "/" + std::string(name);
}

}  // namespace looktwice::datasets
