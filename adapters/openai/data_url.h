// A picture as a request carries it: scaled to what the protocol says, as PNG or JPEG, in base64.
// Not here: the rest of the request.
#pragma once

#include <string>

#include "harness/core/sample.h"

namespace looktwice::openai {

struct Size {
  int width = 0, height = 0;
};

// The size that a picture is sent in. Bicubic (protocol of VisA-D&R): the longest side becomes
// form.side, the other int(side * other / longest). Area (MMAD): both are int(length * scale) with
// scale = min(side / width, side / height). At least 1.
Size sent_size(Size picture, const PictureForm& form);

// "data:image/png;base64,...". A PNG or JPEG file that needs no change goes out byte for byte; all
// else (another size or format, 16 bits, an EXIF turn that a server might apply and the protocols
// do not) is decoded as Pillow decodes it and encoded anew. The media type is that of the bytes:
// the MMAD script says image/png where its bytes are JPEG, which no server looks at. Throws
// Kind::data: the picture cannot be read.
std::string data_url(const Picture& picture, const PictureForm& form);

}  // namespace looktwice::openai
