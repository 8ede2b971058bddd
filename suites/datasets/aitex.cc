// AITEX fabrics (Silvestre-Blanes et al. 2019): strips of 4096 x 256, cut into patches of 256 from
// the left as the InCTRL scripts do. Defect-free strips give normal patches; of a strip with a
// defect, the patches whose mask is not all zero are anomalous and the others are dropped. Ids:
// "NODefect_images/<roll>/<strip>.png#patch03", counted from 00.
#include <algorithm>
#include <optional>

#include "harness/core/error.h"
#include "harness/core/text.h"
#include "suites/datasets/layout.h"
#include "suites/datasets/meta.h"

namespace looktwice::datasets {
namespace {

constexpr int kPatch = 256;
const std::vector<std::string> kVariants = {"aitex-sorted42", "all"};

// The second field of a strip's name.
std::string defect_of(const std::string& stem) {
  static const std::map<std::string, std::string> kNames = {
      {"002", "Broken_end"},    {"006", "Broken_yarn"}, {"010", "Broken_pick"},
      {"016", "Weft_curling"},  {"019", "Fuzzyball"},   {"022", "Cut_selvage"},
      {"023", "Crease"},        {"025", "Warp_ball"},   {"027", "Knots"},
      {"029", "Contamination"}, {"030", "Nep"},         {"036", "Weft_crack"}};
  const auto first = stem.find('_');
  const std::string code = first == stem.npos
                               ? std::string()
                               : stem.substr(first + 1, stem.find('_', first + 1) - first - 1);
  const auto found = kNames.find(code);
  return found == kNames.end() ? "defect" : found->second;
}

std::string patch_name(int number) {
  return std::string("#patch") + (number < 10 ? "0" : "") + std::to_string(number);
}

// Calls with (number, region) for each patch of a strip; the last may be narrower.
template <class Act>
void for_each_patch(int width, int height, const Act& act) {
  for (int x = 0, number = 0; x < width; x += kPatch, ++number)
    act(number, Region{.x = x, .y = 0, .width = std::min(kPatch, width - x), .height = height});
}

bool any_in(const Image& mask, Region region) {
  const Image part = crop(mask, region);
  return std::any_of(part.pixels.begin(), part.pixels.end(), [](auto value) { return value != 0; });
}

class Reader {
 public:
  Reader(Gathering& gathering, const ImageCodec& codec) : gathering_(gathering), codec_(codec) {}

  void add_normal_strips() {
    for (const std::string& roll : gathering_.folders("NODefect_images")) {
      const std::string folder = "NODefect_images/" + roll;
      for (const std::string& name : gathering_.images(folder)) {
        const std::string relative = folder + "/" + name;
        const auto info = named(relative, [&](const auto& bytes) { return codec_.info(bytes); });
        if (!info) continue;
        check_width(relative, info->width);
        for_each_patch(info->width, info->height, [&](int number, Region region) {
          add(relative, number, region, false, "good").truth.has_mask = true;
        });
      }
    }
  }

  // A mirror nests Defect_images/Defect_images.
  void add_defect_strips() {
    const std::string folder = nested("Defect_images");
    MaskFolder masks(gathering_, nested("Mask_images"));
    for (const std::string& name : gathering_.images(folder)) {
      const std::string relative = folder + "/" + name;
      const std::vector<std::string> files = masks.masks_of(name, {"_mask", "_mask1", "_mask2"});
      if (files.empty()) {
        gathering_.note("strips with a defect and no mask, skipped (0100_025_08 is known for it)",
                        relative);
        continue;
      }
      std::vector<Image> truths;
      for (const std::string& file : files)
        if (auto mask = named(file, [&](const auto& bytes) { return codec_.decode_mask(bytes); }))
          truths.push_back(std::move(*mask));
      if (truths.size() != files.size()) continue;
      check_width(relative, truths.front().width);
      const std::string defect = defect_of(stem_of(name));
      for_each_patch(truths.front().width, truths.front().height, [&](int number, Region region) {
        if (std::none_of(truths.begin(), truths.end(),
                         [&](const Image& mask) { return any_in(mask, region); }))
          return;
        Sample& sample = add(relative, number, region, true, defect);
        sample.truth.has_mask = true;
        for (const std::string& file : files) sample.truth.masks.push_back(gathering_.path(file));
      });
    }
    masks.done();
  }

 private:
  Sample& add(const std::string& relative, int number, Region region, bool anomalous,
              const std::string& defect) {
    Sample& sample = gathering_.add(relative, "aitex", anomalous, defect);
    sample.id += patch_name(number);
    sample.image.region = region;
    return sample;
  }

  std::string nested(const std::string& folder) const {
    return gathering_.has_folder(folder + "/" + folder) ? folder + "/" + folder : folder;
  }

  // What `act` makes of a file; a file that cannot be read is noted, since its patches are not even
  // known.
  template <class Act>
  auto named(const std::string& relative, const Act& act)
      -> std::optional<decltype(act(std::vector<std::byte>()))> {
    try {
      return act(file_bytes(gathering_.path(relative)));
    } catch (const Error& error) {
      gathering_.note("strips or masks that cannot be read, left out",
                      relative + ": " + error.what());
      return {};
    }
  }

  void check_width(const std::string& relative, int width) {
    if (width != 4096)
      gathering_.note("strips that are not 4096 wide (0094_027_05 is known for it)", relative);
  }

  Gathering& gathering_;
  const ImageCodec& codec_;
};

std::map<std::string, ExpectedCount> expected(const std::string& variant) {
  return {{"aitex", {variant == "all" ? 2256 : 564, 183}}};
}

bool fits(const std::filesystem::path& folder) {
  std::error_code fault;
  return std::filesystem::is_directory(folder / "NODefect_images", fault) &&
         std::filesystem::is_directory(folder / "Defect_images", fault);
}

Dataset load(const DatasetRequest& request) {
  const std::string variant = chosen_variant("aitex", kVariants, request.variant);
  LOOKTWICE_CHECK(request.codec != nullptr);  // the masks decide which patches are anomalous
  Gathering gathering(found_root(
      request.root,
      {.title = "AITEX",
       .usual_names = {"aitex", "aitex_fabric", "aitex_fabric_image_database", "fabric", "archive"},
       .layout = "Defect_images, Mask_images and NODefect_images",
       .fits = fits}));
  if (!fits(gathering.root())) {
    add_meta_json(gathering, "meta.json");
    return gathering.finished(expected(variant));
  }
  Reader reader(gathering, *request.codec);
  reader.add_normal_strips();
  reader.add_defect_strips();
  if (variant == "aitex-sorted42") gathering.keep_quarter_of_normals();
  return gathering.finished(expected(variant));
}

}  // namespace

DatasetEntry aitex_dataset() {
  return {.name = "aitex",
          .title = "AITEX",
          .summary = "Defect_images, Mask_images and NODefect_images, cut into patches of 256",
          .variants = kVariants,
          .has_masks = true,
          .expected = expected,
          .load = load};
}

}  // namespace looktwice::datasets
