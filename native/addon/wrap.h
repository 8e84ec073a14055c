#pragma once
// Wrap: the shape shared by our JS classes: made only by the addon, around one native value, recognised by a
// type tag.
#include <napi.h>

#include <utility>

#include "native/addon/errors.h"

namespace belle::addon {

// Self: the class; Held: what it holds, moved in.
template <class Self, class Held>
class Wrap : public Napi::ObjectWrap<Self> {
 public:
  Wrap(const Napi::CallbackInfo& info, const napi_type_tag& tag)
      : Napi::ObjectWrap<Self>(info), held_(from_addon(info)) {
    info.This().As<Napi::Object>().TypeTag(&tag);
  }
  static Napi::Object make(const Napi::FunctionReference& constructor, Held held) {
    return constructor.New({Napi::External<Held>::New(constructor.Env(), &held)});
  }

 protected:
  Held held_;

 private:
  // JS never sees an External, so `new object.constructor()` ends here.
  static Held from_addon(const Napi::CallbackInfo& info) {
    if (info.Length() != 1 || !info[0].IsExternal()) {
      throw_argument(info.Env(), "This class is made by the addon's own functions, not by new.");
    }
    return std::move(*info[0].As<Napi::External<Held>>().Data());
  }
};

}  // namespace belle::addon
