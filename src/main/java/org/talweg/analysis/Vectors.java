package org.talweg.analysis;

import org.talweg.ops.Device;
import org.talweg.tensor.HostBuffer;
import org.talweg.tensor.Tensor;

/** Vectors of doubles on the host, and their way to and from a device without a loss where it stores doubles. */
final class Vectors {
    private Vectors() {
    }

    static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }

    static double norm(double[] a) {
        return Math.sqrt(dot(a, a));
    }

    /** a + factor·b, in a new vector. */
    static double[] plus(double[] a, double factor, double[] b) {
        double[] sum = new double[a.length];
        for (int i = 0; i < a.length; i++) {
            sum[i] = a[i] + factor * b[i];
        }
        return sum;
    }

    static double[] times(double factor, double[] a) {
        return plus(new double[a.length], factor, a);
    }

    static double[] download(Device device, Tensor tensor) {
        int length = Math.toIntExact(tensor.elements());
        double[] values = new double[length];
        if (tensor.buffer() instanceof HostBuffer buffer) {
            for (int i = 0; i < length; i++) {
                values[i] = buffer.get(tensor.offset() + i);
            }
            return values;
        }
        float[] floats = new float[length];
        device.download(tensor, floats);
        return widen(floats);
    }

    static void upload(Device device, double[] values, Tensor tensor) {
        if (tensor.buffer() instanceof HostBuffer buffer) {
            for (int i = 0; i < values.length; i++) {
                buffer.set(tensor.offset() + i, values[i]);
            }
        } else {
            device.upload(narrow(values), tensor);
        }
    }

    static double[] widen(float[] values) {
        double[] result = new double[values.length];
        for (int i = 0; i < result.length; i++) {
            result[i] = values[i];
        }
        return result;
    }

    static float[] narrow(double[] values) {
        float[] result = new float[values.length];
        for (int i = 0; i < result.length; i++) {
            result[i] = (float) values[i];
        }
        return result;
    }
}
