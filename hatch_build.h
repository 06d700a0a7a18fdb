/* Goes before everything that is compiled (hatch_build.py). What the interpreter remembers at each place of the bytecode, the C code of
   mypyc looks up anew: where an attribute of an interpreted class stands. Here each place in the C code remembers it, under the
   conditions of the interpreter's own LOAD_ATTR_SLOT: a type with the same version tag has the same slots, and no tag is given twice.

   It pays because the values that go from room to room are msgspec's structs, which nobody compiles: 800 reads of them an invocation. */
#pragma once
#include <Python.h>
#include <structmember.h>

#ifndef Py_GIL_DISABLED

/* Places at which other types come, or other attributes than slots, are left as they are. */
#define ORCHVYNT_TRIES 8

typedef struct {
    unsigned int version; /* 0 is no type's */
    unsigned int tries;
    PyObject *name; /* a reference of its own: no other name comes to stand there. Of `getattr` it is another each time */
    Py_ssize_t offset;
} orchvynt_place;

static __attribute__((noinline, unused)) PyObject *orchvynt_look_up(orchvynt_place *place, PyObject *object, PyObject *name) {
    PyTypeObject *type = Py_TYPE(object);
    if (place->tries < ORCHVYNT_TRIES && type->tp_getattro == PyObject_GenericGetAttr) {
        place->tries++;
        /* Of a class, a slot is its descriptor; and asking gives the type a tag, if it had none. */
        PyObject *found = PyObject_GetAttr((PyObject *)type, name);
        if (found == NULL) {
            PyErr_Clear();
        } else {
            if (Py_IS_TYPE(found, &PyMemberDescr_Type)) {
                PyMemberDef *member = ((PyMemberDescrObject *)found)->d_member;
                if (member->type == T_OBJECT_EX && (member->flags & ~READONLY) == 0 && PyType_IsSubtype(type, ((PyMemberDescrObject *)found)->d_common.d_type)) {
                    Py_XSETREF(place->name, Py_NewRef(name));
                    place->offset = member->offset;
                    place->version = type->tp_version_tag;
                }
            }
            Py_DECREF(found);
        }
    }
    return PyObject_GetAttr(object, name);
}

static inline PyObject *orchvynt_attribute(orchvynt_place *place, PyObject *object, PyObject *name) {
    if (place->name == name && place->version != 0 && Py_TYPE(object)->tp_version_tag == place->version) {
        PyObject *value = *(PyObject **)((char *)object + place->offset);
        if (value != NULL) {
            return Py_NewRef(value);
        }
    }
    return orchvynt_look_up(place, object, name);
}

#define PyObject_GetAttr(object, name)                  \
    __extension__({                                     \
        static orchvynt_place place;                    \
        orchvynt_attribute(&place, (object), (name));   \
    })

#endif
