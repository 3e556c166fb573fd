package org.talweg.build;

final class BuildNative {
    private BuildNative() {
    }

    public static void main(String[] args) {
    }
}
